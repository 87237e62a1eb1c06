# Table 4, Model 3: the Ref branch alone.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(aggregation=dict(ref_branch=True, lr_branch=False)))
