# Testing on Sun80 (Sec. 4.1): 80 images, each with one scene match as its reference.
_base_ = './cufed5.py'
test_pipeline = [
    dict(type='LoadRGBImage', key='gt'),
    dict(type='LoadRGBImage', key='ref'),
    dict(type='PadToMultiple', key='gt', divisor=64, output_key='gt_padded', crop_key='crop_box'),
    dict(type='PadToMultiple', key='ref', divisor=16),
    *_base_.test_pipeline[-3:],  # make lq and ref_down, pack
]
val_dataloader = dict(
    dataset=dict(type='Sun80Dataset', data_root='data/Sun80', pipeline=test_pipeline)
)
test_dataloader = val_dataloader
