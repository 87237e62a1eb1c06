# A small budget to compare networks with, as Tables 3 and 4 do, on the photographs of
# configs/masa-rec_x4_photos.py; docs/results.md has the commands.
_base_ = '../masa-rec_x4_photos.py'

max_iters, decay_iters = 2000, 1000
train_dataloader = dict(batch_size=2, num_workers=1)
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(
        type='LinearLR',
        start_factor=1,
        end_factor=0.01,
        begin=max_iters - decay_iters,
        end=max_iters,
        by_epoch=False,
    ),
]
