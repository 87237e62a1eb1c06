# SRCNN (Dong et al., TPAMI 2015), 9-1-5, on RGB.
_base_ = '_base_/rec.py'
model = dict(generator=dict(type='SingleImageNetwork', network=dict(type='SRCNNNet')))
