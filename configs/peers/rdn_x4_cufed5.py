# RDN (Zhang et al., CVPR 2018): 16 residual dense blocks of 8 layers, 64 channels of growth.
_base_ = '_base_/rec.py'
network = dict(
    type='RDNNet', in_channels=3, out_channels=3, num_blocks=16, num_layers=8, channel_growth=64
)
model = dict(generator=dict(type='SingleImageNetwork', network=network))
