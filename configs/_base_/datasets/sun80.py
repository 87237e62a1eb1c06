# Testing on Sun80 (Sec. 4.1): 80 images, each with one scene match as its reference.
_base_ = './cufed5.py'
test_pipeline = [
    _base_.load_gt,
    _base_.load_references,
    dict(_base_.pad_gt, divisor=64),
    dict(type='PadToMultiple', key='ref', divisor=16),
    _base_.reduce_gt,
    _base_.reduce_references,
    _base_.pack_test,
]
val_dataloader = dict(
    dataset=dict(type='Sun80Dataset', data_root='data/Sun80', pipeline=test_pipeline)
)
test_dataloader = val_dataloader
