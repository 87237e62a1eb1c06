# Fig. 5a: LR blocks of 16×16, Ref↓ blocks as they were.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(block_size=16, ref_block_ratio=12 / 16)))

# Blocks must divide the LR, which is 40×40 in training: pairs are cropped to 2×2 blocks.
crop = dict(type='FixedCrop', keys=['gt', 'ref'], crop_size=(128, 128))
train_pipeline = [*_base_.load_pair, crop, *_base_.prepare_pair]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
