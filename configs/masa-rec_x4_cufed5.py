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
