# Table 3, SAM: MASA-rec itself.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(adaptation=dict(type='SpatialAdaptationModule')))
