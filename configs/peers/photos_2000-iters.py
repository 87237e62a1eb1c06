# Tables 1 and 2 at the budget of configs/ablations/photos_2000-iters.py, which is MASA-rec's: PEER
# names the system, and the reconstruction loss is all there is.
#   PEER=rcan python tools/train.py configs/peers/photos_2000-iters.py --amp bfloat16
_base_ = [
    './{{$PEER:rcan}}_x4_cufed5.py',
    '../_base_/datasets/photos.py',
    '../_base_/schedules/photos.py',
]

model = dict(type='PeerEditor', discriminator=None, gan_loss=None, perceptual_loss=None)

train_pipeline = [
    *_base_.load_views,
    dict(_base_.crop, crop_size=(96, 96)),
    _base_.change_light,
    *_base_.make_lq,
    _base_.pack_pair,
]
train_dataloader = dict(
    _delete_=True,
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(_base_.patches, pipeline=train_pipeline),
)
val_dataloader = dict(num_workers=0, dataset=dict(data_root='data/photos/val'))

max_iters, decay_iters = 2000, 1000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    _delete_=True,
    constructor='MultiOptimWrapperConstructor',
    generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=3e-4, betas=(0.9, 0.999))),
)
param_scheduler = [
    _base_.warm_up,
    dict(_base_.decay, begin=max_iters - decay_iters, end=max_iters),
]
default_hooks = dict(
    logger=dict(interval=50), checkpoint=dict(interval=500, save_best=None, max_keep_ckpts=4)
)
custom_hooks = [_base_.average]
randomness = dict(seed=0)
