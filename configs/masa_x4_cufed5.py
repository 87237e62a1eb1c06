# MASA: MASA-rec trained further on CUFED with all losses (Eq. 18), tested on CUFED5 (Table 1).
#
# It starts from MASA-rec:
#   python tools/train.py configs/masa_x4_cufed5.py --cfg-options \
#       load_from=MASA_REC_CHECKPOINT model.train_cfg.pixel_init=0
# Without a checkpoint the reconstruction loss alone warms the generator up for `pixel_init` steps.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/masa.py',
    '_base_/datasets/cufed.py',
    '_base_/datasets/benchmarks.py',
    '_base_/evaluation.py',
    '_base_/inference.py',
    '_base_/schedules/masa.py',
]

model = dict(train_cfg=dict(pixel_init=13_190))  # 10 epochs

# This stage has no augmentation but the swap.
train_pipeline = [
    *_base_.load_pair,
    _base_.random_swap,
    *_base_.make_lq,
    _base_.pack_pair,
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

# 50 epochs more, of 1,319 iterations.
train_cfg = dict(max_iters=65_950, val_interval=6595)
default_hooks = dict(checkpoint=dict(interval=6595))
