# 250 epochs with the reconstruction loss (Sec. 4.2), counted in iterations of 9 pairs.
train_cfg = dict(type='ResumableTrainLoop', max_iters=250 * 1319, val_interval=5 * 1319)
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999))),
)
param_scheduler = dict(type='CosineAnnealingLR', T_max=500 * 1319, by_epoch=False)
auto_scale_lr = dict(enable=False, base_batch_size=9)
