# MASA-rec at ×8: a level more everywhere, and images reduced to an eighth. Height and width of the
# LR must be multiples of 8, so the pairs of CUFED, 160×160, are cropped to 128×128.
_base_ = './masa-rec_x4_cufed5.py'

model = dict(generator=dict(scale=8, fusion_blocks=(12, 8, 4, 2)))

crop = dict(type='FixedCrop', keys=['gt', 'ref'], crop_size=(128, 128))
train_pipeline = [*_base_.load_pair, crop, *_base_.prepare_pair]
test_pipeline = _base_.test_pipeline
inference_pipeline = _base_.inference_pipeline
for transform in [*train_pipeline, *test_pipeline, *inference_pipeline]:
    if transform['type'] == 'Resize':
        transform['scale'] = 1 / 8
    if transform['type'] == 'AlignReferences':
        transform['scale'] = 8
    if transform['type'] == 'PadToMultiple':
        transform['divisor'] *= 2
del transform

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
