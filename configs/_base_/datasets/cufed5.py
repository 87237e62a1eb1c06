# Testing on CUFED5 (Sec. 4.1): 126 images; the five references are stacked to one of 2560×512.
load_gt = dict(type='LoadRGBImage', key='gt')
load_references = dict(type='LoadRGBImage', key='ref')
pad_gt = dict(
    type='PadToMultiple', key='gt', divisor=32, output_key='gt_padded', crop_key='crop_box'
)
reduction = dict(
    type='Resize', scale=1 / 4, keep_ratio=True, interpolation='bicubic', backend='pillow'
)
reduce_gt = dict(reduction, keys=['gt_padded'], output_keys=['img'])
reduce_references = dict(reduction, keys=['ref'], output_keys=['ref_down'])
pack_test = dict(
    type='PackInputs', data_keys=['ref_down'], meta_keys=['gt_path', 'ref_path', 'crop_box']
)
test_pipeline = [
    load_gt,
    load_references,
    pad_gt,
    dict(type='StackReferences', key='ref', size=(512, 512)),
    reduce_gt,
    reduce_references,
    pack_test,
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
