# MASA or MASA-rec tested on Sun80 (Table 1).
_base_ = './_base_/tested.py'

val_dataloader = dict(dataset=_base_.sun80)
test_dataloader = val_dataloader
