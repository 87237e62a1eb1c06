# Training on CUFED (Sec. 4.1): 11,871 pairs of 160×160 pixels.
load_pair = [dict(type='LoadRGBImage', key='gt'), dict(type='LoadRGBImage', key='ref')]
make_lq = [
    dict(
        type='Resize',
        keys=['gt', 'ref'],
        output_keys=['img', 'ref_down'],
        scale=1 / 4,
        keep_ratio=True,
        interpolation='bicubic',
        backend='pillow',
    )
]
flips_and_rotations = [
    transform
    for keys in (['gt', 'img'], ['ref', 'ref_down'])
    for transform in (
        dict(type='Flip', keys=keys, flip_ratio=0.5, direction='horizontal'),
        dict(type='Flip', keys=keys, flip_ratio=0.5, direction='vertical'),
        dict(type='RandomRotation90', keys=keys, prob=0.5),
    )
]

random_swap = dict(type='RandomSwap', keys=['gt', 'ref'], prob=0.5)
pack_pair = dict(type='PackInputs', data_keys=['ref_down'], meta_keys=['gt_path'])
# What becomes of a pair that is loaded, and perhaps cropped.
prepare_pair = [
    random_swap,
    dict(type='RandomColorChange', keys=['gt', 'ref'], contrast=(0.7, 1.3), brightness=(-20, 20)),
    *make_lq,
    # The first 30 of 250 epochs go without, "to warm up the encoder".
    dict(type='DelayedTransforms', transforms=flips_and_rotations, begin=30 / 250),
    pack_pair,
]
train_pipeline = [*load_pair, *prepare_pair]

train_dataloader = dict(
    batch_size=9,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='CUFEDDataset', data_root='data/CUFED/train', pipeline=train_pipeline),
)
