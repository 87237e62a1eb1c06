# Fig. 5a: LR blocks of 8×8, MASA-rec itself.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(block_size=8, ref_block_ratio=12 / 8)))
