# TTSR at a budget for a CPU, see _base_/photos.py.
_base_ = '_base_/photos.py'
model = dict(generator=dict(network=dict(type='TTSRNetwork', num_blocks=(16, 16, 8, 4)), blank=0.5))
