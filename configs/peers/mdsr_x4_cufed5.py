# MDSR (Lim et al., CVPRW 2017), its branch for ×4: 80 residual blocks.
_base_ = '_base_/rec.py'
model = dict(generator=dict(type='SingleImageNetwork', network=dict(type='MDSRNet', num_blocks=80)))
