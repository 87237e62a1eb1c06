# RDN at a budget for a CPU, see _base_/photos.py.
_base_ = '_base_/photos.py'
network = dict(
    type='RDNNet', in_channels=3, out_channels=3, num_blocks=16, num_layers=8, channel_growth=64
)
model = dict(generator=dict(network=dict(type='SingleImageNetwork', network=network)))
