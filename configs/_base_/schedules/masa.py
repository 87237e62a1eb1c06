# All losses (Sec. 4.2); the discriminator has its own optimizer.
train_cfg = dict(type='ResumableTrainLoop')
optim_wrapper = dict(
    constructor='MultiOptimWrapperConstructor',
    generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999))),
    discriminator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.0, 0.9))),
)
auto_scale_lr = dict(enable=False, base_batch_size=9)
