# MASA-rec for photos as cameras and messengers leave them, soft, noisy and compressed: the last
# part of the training of `photos`. Begin with weights of masa-rec_x4_photos.py, or go on:
#   python tools/train.py configs/masa-rec_x4_photos-degraded.py --load-from photos
_base_ = './masa-rec_x4_photos.py'

# What is matched stays as it is, and a step takes less.
model = dict(train_cfg=dict(frozen=['encoder']))

# LR patches of 32×32, four at a time, are what two cores manage.
crop = dict(_base_.crop, crop_size=(128, 128))
# References come out of a camera, too.
compress_ref = dict(
    type='RandomJPEGCompression',
    params=dict(quality=[70, 95], prob=0.5),
    keys=['ref'],
    bgr2rgb=True,
)
blur = [
    dict(type='CopyValues', src_keys=['gt'], dst_keys=['img']),
    dict(
        type='RandomBlur',
        params=dict(
            kernel_size=[7, 9, 11, 13],
            kernel_list=['iso', 'aniso'],
            kernel_prob=[0.7, 0.3],
            sigma_x=[0.2, 2.0],
            sigma_y=[0.2, 2.0],
            prob=0.6,
        ),
        keys=['img'],
    ),
]
reduce = dict(
    type='RandomResize',
    params=dict(
        target_size=(32, 32),
        resize_opt=['area', 'bilinear', 'bicubic'],
        resize_prob=[0.7, 0.2, 0.1],
    ),
    keys=['img'],
)
noise_and_compression = [
    dict(
        type='RandomNoise',
        params=dict(
            noise_type=['gaussian', 'poisson'],
            noise_prob=[0.5, 0.5],
            gaussian_sigma=[1, 8],
            gaussian_gray_noise_prob=0.4,
            poisson_scale=[0.02, 0.4],
            poisson_gray_noise_prob=0.4,
            prob=0.5,
        ),
        keys=['img'],
    ),
    dict(type='RoundToUint8', keys=['img']),
    dict(type='RandomJPEGCompression', params=dict(quality=[40, 95]), keys=['img'], bgr2rgb=True),
]
# As a messenger passes a photo on.
reduction_and_compression = [
    dict(type='RoundToUint8', keys=['img']),
    dict(type='RandomJPEGCompression', params=dict(quality=[50, 95]), keys=['img'], bgr2rgb=True),
]
# Half of the samples have the benchmarks' own LR.
degrade = dict(
    type='RandomChoice',
    transforms=[[], reduction_and_compression, [*blur, reduce, *noise_and_compression]],
    prob=[0.5, 0.25, 0.25],
)
train_pipeline = [
    *_base_.load_views,
    crop,
    _base_.change_light,
    compress_ref,
    *_base_.make_lq,
    degrade,
    _base_.pack_pair,
]
# More references of something else than in the training before.
train_dataloader = dict(
    batch_size=4, num_workers=2, dataset=dict(pipeline=train_pipeline, unlike=0.3)
)

train_cfg = dict(max_iters=1450)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=2e-4)))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=50, eta_min_ratio=0.01, by_epoch=False),
]
auto_scale_lr = dict(base_batch_size=4)
