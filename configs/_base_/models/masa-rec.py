# MASA-rec: the network of Sec. 3 and 4.2 with the reconstruction loss alone.
model = dict(
    type='MASA',
    generator=dict(
        type='MASANet',
        encoder=dict(type='MASAEncoder', num_blocks=4),
        matching=dict(
            type='MatchExtractionModule',
            block_size=8,
            ref_block_ratio=1.5,  # 12·H_Ref↓/H_LR for blocks of 8
            patch_size=3,
            dilations=(1, 2, 3),
        ),
        adaptation=dict(type='SpatialAdaptationModule'),
        aggregation=dict(type='DualResidualAggregationModule'),
        channels=64,
        fusion_blocks=(12, 8, 4),  # at 1×, 2× and 4×
    ),
    pixel_loss=dict(type='L1Loss', loss_weight=1.0),  # Eq. 14, λ_rec = 1
    train_cfg=dict(),
    # Tiles where the whole would not fit into the memory that is free.
    test_cfg=dict(bicubic=True, tile='auto'),
    data_preprocessor=dict(type='DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
)
