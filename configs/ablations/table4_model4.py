# Table 4, Model 4: both branches, MASA-rec itself.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(aggregation=dict(ref_branch=True, lr_branch=True)))
