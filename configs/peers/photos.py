# Tables 1 and 2 at a budget for a CPU, trained as configs/ablations/photos.py is: PEER names the
# system, and the reconstruction loss is all there is.
#   PEER=rcan python tools/train.py configs/peers/photos.py --amp bfloat16
_base_ = [
    './{{$PEER:rcan}}_x4_cufed5.py',
    '../_base_/datasets/photos.py',
    '../_base_/schedules/photos.py',
]

# All start from the enlarged LR. SRGAN and ENet add to it already, and some make a colour of zeros.
blanks = dict.fromkeys(('mdsr', 'rcan', 'han'), (0.4488, 0.4371, 0.4040))
blanks.update(dict.fromkeys(('ttsr', 'ttsr-rec'), 0.5))
generator = dict(
    _delete_=True,
    type='FromBicubic',
    network=_base_.model.generator,
    blank=blanks.get('{{$PEER:rcan}}', 0.0),
)
if '{{$PEER:rcan}}' in ('srgan', 'enet'):
    generator = dict()
model = dict(
    type='PeerEditor',
    generator=generator,
    discriminator=None,
    gan_loss=None,
    perceptual_loss=None,
)

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

train_cfg = dict(max_iters=2000, val_interval=500)
optim_wrapper = dict(
    _delete_=True,
    constructor='MultiOptimWrapperConstructor',
    generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=3e-4, betas=(0.9, 0.999))),
)
param_scheduler = _base_.photo_schedule
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(interval=500, save_best=None, max_keep_ckpts=4),
)
custom_hooks = [_base_.average]
randomness = dict(seed=0)
