# MASA-rec, trained on CUFED with the reconstruction loss and tested on CUFED5 (Table 1).
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/masa-rec.py',
    '_base_/datasets/cufed.py',
    '_base_/datasets/cufed5.py',
    '_base_/evaluation.py',
    '_base_/inference.py',
    '_base_/schedules/masa-rec.py',
]

custom_hooks = [*_base_.custom_hooks, dict(type='AugmentationTimetableHook')]

# 250 epochs (Sec. 4.2); the learning rate has halved by then.
epoch = _base_.iters_per_epoch
train_cfg = dict(max_iters=250 * epoch, val_interval=5 * epoch)
param_scheduler = dict(T_max=500 * epoch)
default_hooks = dict(checkpoint=dict(interval=5 * epoch))
