# Fig. 5a: LR blocks of 12×12, Ref↓ blocks as they were.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(block_size=12, ref_block_ratio=12 / 12)))

# Blocks must divide the LR, which is 40×40 in training: pairs are cropped to 3×3 blocks.
crop = dict(type='FixedCrop', keys=['gt', 'ref'], crop_size=(144, 144))
train_pipeline = [*_base_.load_pair, crop, *_base_.prepare_pair]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
