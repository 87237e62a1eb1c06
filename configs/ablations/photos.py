# Tables 3 and 4 and Fig. 6 at a budget for a CPU: from nothing, one patch an iteration.
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

train_cfg = dict(max_iters=2000)
