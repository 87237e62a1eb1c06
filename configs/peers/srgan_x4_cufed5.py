# SRGAN (Ledig et al., CVPR 2017), mmagic's SRResNet without batch normalisation: 16 blocks.
_base_ = '_base_/gan.py'
network = dict(type='MSRResNet', in_channels=3, out_channels=3, num_blocks=16)
model = dict(generator=dict(type='SingleImageNetwork', network=network))
