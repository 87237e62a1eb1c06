# Testing on the benchmarks (Sec. 4.1). The data set of a config that says no other is CUFED5.
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
# CUFED5: 126 images; the five references are stacked to one of 2560×512.
test_pipeline = [
    load_gt,
    load_references,
    pad_gt,
    dict(type='StackReferences', key='ref', size=(512, 512)),
    reduce_gt,
    reduce_references,
    pack_test,
]

# Sun80: 80 images, each with one scene match as its reference.
sun80 = dict(
    type='Sun80Dataset',
    data_root='data/Sun80',
    pipeline=[
        load_gt,
        load_references,
        dict(pad_gt, divisor=64),
        dict(type='PadToMultiple', key='ref', divisor=16),
        reduce_gt,
        reduce_references,
        pack_test,
    ],
)
# Urban100: 100 images without references, so the LR is its own reference.
urban100 = dict(
    type='Urban100Dataset',
    data_root='data/Urban100',
    pipeline=[
        load_gt,
        dict(pad_gt, divisor=64),
        reduce_gt,
        dict(type='CopyValues', src_keys=['img'], dst_keys=['ref']),
        reduce_references,
        pack_test,
    ],
)

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
