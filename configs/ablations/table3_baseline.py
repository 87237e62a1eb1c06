# Table 3, baseline: the reference feature is not adapted.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(adaptation=dict(type='NoAdaptation')))
