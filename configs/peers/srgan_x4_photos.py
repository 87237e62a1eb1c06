# SRGAN at a budget for a CPU, see _base_/photos.py. It adds to the enlarged LR by itself.
_base_ = '_base_/photos.py'
network = dict(type='MSRResNet', in_channels=3, out_channels=3, num_blocks=16)
model = dict(generator=dict(_delete_=True, type='SingleImageNetwork', network=network))
