# MASA-rec, trained on CUFED with the reconstruction loss and tested on CUFED5 (Table 1).
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/masa-rec.py',
    '_base_/datasets/cufed.py',
    '_base_/datasets/benchmarks.py',
    '_base_/evaluation.py',
    '_base_/inference.py',
    '_base_/schedules/masa-rec.py',
]

# 250 epochs of 1,319 iterations, 11,871 pairs in batches of 9. The learning rate, and when flips
# and rotations begin, follow from max_iters.
train_cfg = dict(max_iters=329_750, val_interval=6595)
default_hooks = dict(checkpoint=dict(interval=6595))
