# MASA or MASA-rec tested on CUFED5 with its references aligned, which is no protocol of the paper:
# each is warped onto the photo's frame, and stacked with the whole at its scale and angle.
_base_ = './_base_/tested.py'

# The LR is made before, since the references are aligned with it.
aligned_pipeline = [
    _base_.load_gt,
    _base_.load_references,
    _base_.pad_gt,
    _base_.reduce_gt,
    dict(type='AlignReferences', key='ref', lq_key='img', scale=4),
    dict(type='StackReferences', key='ref', size=None),
    _base_.reduce_references,
    _base_.pack_test,
]
val_dataloader = dict(dataset=dict(pipeline=aligned_pipeline))
test_dataloader = val_dataloader
