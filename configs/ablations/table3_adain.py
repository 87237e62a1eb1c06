# Table 3, AdaIN: mean and deviation of the LR feature alone.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(adaptation=dict(type='AdaptiveInstanceNormalization')))
