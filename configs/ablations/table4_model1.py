# Table 4, Model 1: neither branch of DRAM.
_base_ = '../masa-rec_x4_cufed5.py'

model = dict(generator=dict(aggregation=dict(ref_branch=False, lr_branch=False)))
