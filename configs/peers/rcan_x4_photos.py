# RCAN at a budget for a CPU, see _base_/photos.py.
_base_ = '_base_/photos.py'
network = dict(
    type='SuperImageNetwork', model='Rcan', scale=4, n_resgroups=10, n_resblocks=20, n_feats=64
)
model = dict(
    generator=dict(
        network=dict(type='SingleImageNetwork', network=network, value_range=255),
        blank=(0.4488, 0.4371, 0.4040),
    )
)
