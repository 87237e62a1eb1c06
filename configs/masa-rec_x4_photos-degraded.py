# MASA-rec for photos as cameras and messengers leave them: the weights of masa-rec_x4_photos.py
# trained further on LR images that are soft, noisy and compressed.
#   python tools/train.py configs/masa-rec_x4_photos-degraded.py --load-from CHECKPOINT
_base_ = './masa-rec_x4_photos.py'

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
# What is left at a third of the samples is the benchmarks' own LR.
degrade = dict(type='RandomApply', prob=0.67, transforms=[*blur, reduce, *noise_and_compression])
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
    batch_size=4, num_workers=2, dataset=dict(pipeline=train_pipeline, unlike=0.35)
)

train_cfg = dict(max_iters=2000)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=1e-4)))
auto_scale_lr = dict(base_batch_size=4)
