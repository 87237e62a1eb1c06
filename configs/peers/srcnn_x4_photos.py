# SRCNN at a budget for a CPU, see _base_/photos.py.
_base_ = '_base_/photos.py'
model = dict(generator=dict(network=dict(type='SingleImageNetwork', network=dict(type='SRCNNNet'))))
