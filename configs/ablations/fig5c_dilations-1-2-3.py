# Fig. 5c: Stage 1 with dilations 1, 2, 3, MASA-rec itself.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(dilations=(1, 2, 3))))
