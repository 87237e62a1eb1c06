# SRNTT at a budget for a CPU, see _base_/photos.py.
_base_ = '_base_/photos.py'
model = dict(generator=dict(network=dict(type='SRNTT', num_blocks=16)))
