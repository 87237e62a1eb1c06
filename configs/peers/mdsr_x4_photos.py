# MDSR at a budget for a CPU, see _base_/photos.py.
_base_ = '_base_/photos.py'
model = dict(
    generator=dict(
        network=dict(type='SingleImageNetwork', network=dict(type='MDSRNet', num_blocks=80)),
        blank=(0.4488, 0.4371, 0.4040),
    )
)
