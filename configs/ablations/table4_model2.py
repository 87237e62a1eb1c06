# Table 4, Model 2: the LR branch alone.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(aggregation=dict(ref_branch=False, lr_branch=True)))
