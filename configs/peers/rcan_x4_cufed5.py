# RCAN (Zhang et al., ECCV 2018): 10 groups of 20 blocks, 64 channels. It works in [0, 255].
# The network is super-image's: pip install 'masasr_mm[peers]'
_base_ = '_base_/rec.py'
network = dict(
    type='SuperImageNetwork', model='Rcan', scale=4, n_resgroups=10, n_resblocks=20, n_feats=64
)
model = dict(generator=dict(type='SingleImageNetwork', network=network, value_range=255))
