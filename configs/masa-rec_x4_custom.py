# MASA-rec on one's own pairs: two folders of photos with the same file names, PNG or JPEG, at least
# 40 · scale pixels high and wide, a pair of one size. Copy this file and change the five values.
data = 'data/custom/input'  # sharp photos, which the network learns to restore
references = 'data/custom/ref'  # for each of them a sharp photo of a similar scene
scale = 4  # 2, 4 or 8
iterations = 10_000
batch = 4

_base_ = './masa-rec_x4_cufed5.py'

# Every tenth pair validates and is not trained on.
pairs = dict(
    _delete_=True,
    type='CUFEDDataset',
    data_root='',
    data_prefix=dict(gt=data, ref=references),
)

model = dict(generator=dict(scale=scale, fusion_blocks=None))
load_from = 'masasr_mm://bicubic' if scale == 4 else None

crop = dict(type='FixedCrop', keys=['gt', 'ref'], crop_size=(40 * scale, 40 * scale))
train_pipeline = [*_base_.load_pair, crop, *_base_.prepare_pair]
test_pipeline = [
    _base_.load_gt,
    _base_.load_references,
    dict(_base_.pad_gt, divisor=8 * scale),
    dict(type='PadToMultiple', key='ref', divisor=8 * scale),
    _base_.reduce_gt,
    _base_.reduce_references,
    _base_.pack_test,
]
inference_pipeline = _base_.inference_pipeline
for transform in [*train_pipeline, *test_pipeline, *inference_pipeline]:
    if transform['type'] == 'Resize':
        transform['scale'] = 1 / scale
    elif transform['type'] == 'AlignReferences':
        transform['scale'] = scale
    elif transform['type'] == 'PadToMultiple' and transform['key'] == 'ref':
        transform['divisor'] = 8 * scale
del transform

train_dataloader = dict(
    batch_size=batch,
    dataset=dict(pairs, pipeline=train_pipeline, split='train'),
)
val_dataloader = dict(dataset=dict(pairs, pipeline=test_pipeline, split='val', test_mode=True))
test_dataloader = val_dataloader

train_cfg = dict(max_iters=iterations, val_interval=max(1, iterations // 10))
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=max(1, iterations // 10)))
auto_scale_lr = dict(base_batch_size=batch)
