# ENet (EnhanceNet, Sajjadi et al., ICCV 2017): 10 residual blocks.
_base_ = '_base_/gan.py'
model = dict(
    generator=dict(type='SingleImageNetwork', network=dict(type='ENetGenerator', num_blocks=10))
)
