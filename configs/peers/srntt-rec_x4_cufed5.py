# SRNTT (Zhang et al., CVPR 2019) with the reconstruction loss alone: 16 residual blocks a scale.
# A training needs torchvision's VGG19: --cfg-options model.generator.vgg_weights=vgg19-dcbb9e9d.pth
_base_ = '_base_/rec.py'
model = dict(generator=dict(type='SRNTT', num_blocks=16))
