# Testing on CUFED5 (Sec. 4.1): 126 images; the five references are stacked to one of 2560×512.
test_pipeline = [
    dict(type='LoadRGBImage', key='gt'),
    dict(type='LoadRGBImage', key='ref'),
    dict(type='PadToMultiple', key='gt', divisor=32, output_key='gt_padded', crop_key='crop_box'),
    dict(type='StackReferences', key='ref', size=(512, 512)),
    dict(
        type='Resize',
        keys=['gt_padded'],
        output_keys=['img'],
        scale=1 / 4,
        keep_ratio=True,
        interpolation='bicubic',
        backend='pillow',
    ),
    dict(
        type='Resize',
        keys=['ref'],
        output_keys=['ref_down'],
        scale=1 / 4,
        keep_ratio=True,
        interpolation='bicubic',
        backend='pillow',
    ),
    dict(type='PackInputs', data_keys=['ref_down'], meta_keys=['gt_path', 'ref_path', 'crop_box']),
]

val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CUFED5Dataset',
        data_root='data/CUFED/test/CUFED5',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
