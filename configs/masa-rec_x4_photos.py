# MASA-rec for everyone's photos: trained on the freely licensed photographs that
#   python tools/dataset_converters/make_photos.py data/photos
# makes patches of. On a GPU (0.15 s an iteration on an H200), and on a CPU:
#   python tools/train.py configs/masa-rec_x4_photos.py --amp bfloat16
#   python tools/train.py configs/masa-rec_x4_photos.py --cfg-options train_dataloader.batch_size=4
_base_ = [
    './masa-rec_x4_cufed5.py',
    './_base_/datasets/photos.py',
    './_base_/schedules/photos.py',
]

model = dict(
    # Starting from the bicubic enlargement, training gets somewhere sooner.
    generator=dict(
        init_cfg=dict(
            type='Constant', val=0, override=dict(type='Constant', name='to_image', val=0)
        )
    )
)

train_pipeline = [*_base_.prepare_views, *_base_.make_lq, _base_.pack_pair]
train_dataloader = dict(
    _delete_=True,
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(_base_.patches, pipeline=train_pipeline),
)
# Views of photographs that are not trained on, laid out as CUFED5 with one reference.
val_dataloader = dict(num_workers=0, dataset=dict(data_root='data/photos/val'))

# The average of the weights is what is validated and used. More iterations pay.
train_cfg = dict(max_iters=2500, val_interval=500)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=3e-4)))
param_scheduler = _base_.photo_schedule
auto_scale_lr = dict(base_batch_size=32)

default_hooks = dict(
    logger=dict(interval=50),
    # What is trained on is kept, not what happens to be best at the few views of the validation.
    checkpoint=dict(interval=500, save_best=None, max_keep_ckpts=4),
    non_finite=dict(budget=10),
)
custom_hooks = [_base_.average]
randomness = dict(seed=0)
