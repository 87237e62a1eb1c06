# Fig. 5b: Ref↓ blocks of 4·H_Ref↓/H_LR × 4·W_Ref↓/W_LR.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(ref_block_ratio=4 / 8)))
