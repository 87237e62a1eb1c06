# Fig. 5c: Stage 1 with dilation 1.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(matching=dict(dilations=(1,))))
