# Fig. 5a: LR blocks of 4×4, Ref↓ blocks as they were.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(block_size=4, ref_block_ratio=12 / 4)))
