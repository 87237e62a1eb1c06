# CrossNet at a budget for a CPU, see _base_/photos.py.
_base_ = '_base_/photos.py'
model = dict(generator=dict(network=dict(type='CrossNet')))
val_dataloader = dict(dataset=dict(level=1))
test_dataloader = dict(dataset=dict(level=1))
