# The reconstruction loss alone (Sec. 4.2); how long is said by the configs.
train_cfg = dict(type='ResumableTrainLoop')
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999))),
)
param_scheduler = dict(type='HalfCosineAnnealingLR', by_epoch=False)
auto_scale_lr = dict(enable=False, base_batch_size=9)
