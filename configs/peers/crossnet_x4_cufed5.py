# CrossNet (Zheng et al., ECCV 2018). It takes one reference: the most similar one of CUFED5.
_base_ = '_base_/rec.py'
model = dict(generator=dict(type='CrossNet'))
val_dataloader = dict(dataset=dict(level=1))
test_dataloader = val_dataloader
