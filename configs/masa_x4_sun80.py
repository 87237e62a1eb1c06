# MASA or MASA-rec tested on Sun80 (Table 1).
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/masa-rec.py',
    '_base_/datasets/benchmarks.py',
    '_base_/evaluation.py',
    '_base_/inference.py',
]

val_dataloader = dict(dataset=_base_.sun80)
test_dataloader = val_dataloader
