# Testing on Urban100 (Sec. 4.1): 100 images without references, so the LR is its own reference.
_base_ = './cufed5.py'
test_pipeline = [
    dict(type='LoadRGBImage', key='gt'),
    dict(type='PadToMultiple', key='gt', divisor=64, output_key='gt_padded', crop_key='crop_box'),
    _base_.test_pipeline[-3],  # make lq
    dict(type='CopyValues', src_keys=['img'], dst_keys=['ref']),
    *_base_.test_pipeline[-2:],  # make ref_down, pack
]
val_dataloader = dict(
    dataset=dict(type='Urban100Dataset', data_root='data/Urban100', pipeline=test_pipeline)
)
test_dataloader = val_dataloader
