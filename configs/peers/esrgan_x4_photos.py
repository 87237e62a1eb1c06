# ESRGAN at a budget for a CPU, see _base_/photos.py.
_base_ = '_base_/photos.py'
network = dict(type='RRDBNet', in_channels=3, out_channels=3, num_blocks=23, growth_channels=32)
model = dict(generator=dict(network=dict(type='SingleImageNetwork', network=network)))
