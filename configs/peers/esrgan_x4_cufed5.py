# ESRGAN (Wang et al., ECCV Workshops 2018): 23 residual in residual dense blocks. The adversarial
# loss is relativistic, MASA's own.
_base_ = '_base_/gan.py'
network = dict(type='RRDBNet', in_channels=3, out_channels=3, num_blocks=23, growth_channels=32)
model = dict(type='MASA', generator=dict(type='SingleImageNetwork', network=network))
