# Table 3, SPADE: γ and β from the LR feature alone.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(adaptation=dict(type='SpatiallyAdaptiveNormalization')))
