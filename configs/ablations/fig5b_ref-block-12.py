# Fig. 5b: Ref↓ blocks of 12·H_Ref↓/H_LR × 12·W_Ref↓/W_LR, MASA-rec itself.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(ref_block_ratio=12 / 8)))
