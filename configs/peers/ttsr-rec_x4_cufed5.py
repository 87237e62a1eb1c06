# TTSR (Yang et al., CVPR 2020) with the reconstruction loss alone.
# A training needs torchvision's VGG19: --cfg-options model.generator.vgg_weights=vgg19-dcbb9e9d.pth
_base_ = '_base_/rec.py'
model = dict(generator=dict(type='TTSRNetwork', num_blocks=(16, 16, 8, 4)))
# The texture extractor learns at a tenth of the rate.
optim_wrapper = dict(
    generator=dict(paramwise_cfg=dict(custom_keys=dict(extractor=dict(lr_mult=0.1))))
)
