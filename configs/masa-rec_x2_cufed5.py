# MASA-rec at ×2: a level less everywhere, and images reduced to a half.
_base_ = './masa-rec_x4_cufed5.py'

model = dict(generator=dict(scale=2, fusion_blocks=(12, 8)))

train_pipeline = _base_.train_pipeline
test_pipeline = _base_.test_pipeline
inference_pipeline = _base_.inference_pipeline
for transform in [*train_pipeline, *test_pipeline, *inference_pipeline]:
    if transform['type'] == 'Resize':
        transform['scale'] = 1 / 2
    if transform['type'] == 'AlignReferences':
        transform['scale'] = 2
del transform

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
