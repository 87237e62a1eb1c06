# Testing on Urban100 (Sec. 4.1): 100 images without references, so the LR is its own reference.
_base_ = './cufed5.py'
test_pipeline = [
    _base_.load_gt,
    dict(_base_.pad_gt, divisor=64),
    _base_.reduce_gt,
    dict(type='CopyValues', src_keys=['img'], dst_keys=['ref']),
    _base_.reduce_references,
    _base_.pack_test,
]
val_dataloader = dict(
    dataset=dict(type='Urban100Dataset', data_root='data/Urban100', pipeline=test_pipeline)
)
test_dataloader = val_dataloader
