# Fig. 5b: Ref↓ blocks of 20·H_Ref↓/H_LR × 20·W_Ref↓/W_LR.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(ref_block_ratio=20 / 8)))
