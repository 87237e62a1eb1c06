# Fig. 5b: Ref↓ blocks of 16·H_Ref↓/H_LR × 16·W_Ref↓/W_LR.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(ref_block_ratio=16 / 8)))
