# One's own photos: an LR and one or more references of any size.
inference_pipeline = [
    dict(type='LoadRGBImage', key='img'),
    dict(type='LoadRGBImage', key='ref'),
    dict(type='StackReferences', key='ref', size=None),
    dict(type='PadToMultiple', key='ref', divisor=4, position='bottom_right'),
    dict(
        type='Resize',
        keys=['ref'],
        output_keys=['ref_down'],
        scale=1 / 4,
        keep_ratio=True,
        interpolation='bicubic',
        backend='pillow',
    ),
    dict(type='PackInputs', data_keys=['ref_down'], meta_keys=['img_path']),
]
