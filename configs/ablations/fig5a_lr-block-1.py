# Fig. 5a: LR blocks of 1×1, so Stage 1 compares everything with everything and Stage 2 has no
# choice left.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(block_size=1)))
