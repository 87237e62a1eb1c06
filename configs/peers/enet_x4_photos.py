# ENet at a budget for a CPU, see _base_/photos.py. It adds to the enlarged LR by itself.
_base_ = '_base_/photos.py'
network = dict(type='ENetGenerator', num_blocks=10)
model = dict(generator=dict(_delete_=True, type='SingleImageNetwork', network=network))
