# The sample data on two CPU cores: MASA-rec, trained for some minutes on small crops.
_base_ = './masa-rec_x4_cufed5.py'

model = dict(
    # Starting from the bicubic enlargement, a short training gets somewhere.
    generator=dict(
        init_cfg=dict(
            type='Constant', val=0, override=dict(type='Constant', name='to_image', val=0)
        )
    )
)

crop = dict(type='FixedCrop', keys=['gt', 'ref'], crop_size=(96, 96))
train_pipeline = [*_base_.load_pair, crop, *_base_.prepare_pair]
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    dataset=dict(data_root='data/sample/train', pipeline=train_pipeline),
)
# The checkpoint is chosen by a pair of its own: the test image is not seen before the test.
val_dataloader = dict(num_workers=0, dataset=dict(data_root='data/sample/val'))
test_dataloader = dict(num_workers=0, dataset=dict(data_root='data/sample/test/CUFED5'))

train_cfg = dict(max_iters=200, val_interval=100)
optim_wrapper = dict(generator=dict(optimizer=dict(lr=3e-4)))
param_scheduler = dict(type='CosineAnnealingLR')
auto_scale_lr = dict(base_batch_size=2)

default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=100))
custom_hooks = [dict(type='BasicVisualizationHook', interval=1)]
randomness = dict(seed=0)
