# Tables 3 and 4 and Fig. 6 at a budget for a CPU: from nothing, iterations of one patch; ITERS in
# the environment says how many.
#   python tools/train.py configs/ablations/photos.py --amp bfloat16 \
#       --cfg-options model.generator.adaptation.type=NoAdaptation
_base_ = '../masa-rec_x4_photos.py'

train_pipeline = [
    *_base_.load_views,
    dict(_base_.crop, crop_size=(96, 96)),
    _base_.change_light,
    *_base_.make_lq,
    _base_.pack_pair,
]
train_dataloader = dict(batch_size=1, num_workers=1, dataset=dict(pipeline=train_pipeline))

max_iters = int('{{$ITERS:2000}}')
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
param_scheduler = [
    dict(_base_.warm_up, end=max_iters // 10),
    dict(_base_.decay, begin=max_iters // 2, end=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=max_iters // 4))
