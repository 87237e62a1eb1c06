# MASA: all losses of Eq. 18.
_base_ = './masa-rec.py'

model = dict(
    discriminator=dict(type='MASADiscriminator', in_size=160),
    # Eq. 15, λ_per = 1, on conv5_4 before its ReLU. The paper's L2 norm; the released code took L1.
    perceptual_loss=dict(
        type='PerceptualLoss',
        layer_weights={'34': 1.0},
        vgg_type='vgg19',
        perceptual_weight=1.0,
        style_weight=0,
        norm_img=False,
        criterion='mse',
    ),
    gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=5e-3),  # Eq. 16–17, λ_adv
)
