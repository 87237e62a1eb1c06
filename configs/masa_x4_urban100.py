# MASA or MASA-rec tested on Urban100 (Table 1).
_base_ = './_base_/tested.py'

val_dataloader = dict(dataset=_base_.urban100)
test_dataloader = val_dataloader
