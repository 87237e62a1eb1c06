# Training on photographs (docs/weights.md): patches, of which the reference is another view, in
# other light; no two epochs are alike.
pair = ['gt', 'ref']
lanczos = dict(type='Resize', keys=pair, keep_ratio=True, interpolation='lanczos', backend='pillow')
load_views = [
    dict(type='LoadRGBImage', key='gt'),
    dict(type='LoadRGBImage', key='ref'),
    # Reduced photographs are sharper, and show less of the compression that they came with.
    dict(
        type='RandomChoice',
        transforms=[[], [dict(lanczos, scale=0.8)], [dict(lanczos, scale=0.65)]],
    ),
    dict(type='Flip', keys=pair, flip_ratio=0.5, direction='horizontal'),
    dict(type='RandomRotation90', keys=pair, prob=1.0),
    dict(type='RandomViewpoint', key='ref'),
]
crop = dict(type='FixedCrop', keys=pair, crop_size=(160, 160))
change_light = dict(
    type='RandomApply',
    prob=0.6,
    transforms=dict(type='RandomColorChange', keys=pair, contrast=(0.7, 1.3), brightness=(-20, 20)),
)
prepare_views = [*load_views, crop, change_light]
patches = dict(
    type='PhotoPatchDataset',
    data_root='data/photos/train',
    # So often, that a reference of something else does no harm.
    unlike=0.2,
)
