"""The editor, small, with batches and optimizers for it."""

from __future__ import annotations

import torch
from mmagic.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS
from mmagic.structures import DataSample

import masasr_mm  # noqa: F401

GENERATOR = dict(type='MASANet', channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1))
ADVERSARIAL = dict(
    discriminator=dict(type='MASADiscriminator', in_size=32, mid_channels=4),
    gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=5e-3),
)


def build(**changes):
    torch.manual_seed(0)
    config = dict(
        type='MASA',
        generator=GENERATOR,
        pixel_loss=dict(type='L1Loss', loss_weight=1.0),
        data_preprocessor=dict(type='DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
    )
    model = MODELS.build({**config, **changes})
    if 'generator' not in changes:
        torch.nn.init.normal_(model.generator.to_image.weight, std=0.02)
    return model


def batch(lq=(8, 8), ref=(32, 32), n=1, metainfo=None):
    """A batch as the dataloader gives it: pixels in [0, 255], RGB."""
    torch.manual_seed(1)
    ref_down = tuple(-(-size // 4) for size in ref)
    samples = []
    for _ in range(n):
        sample = DataSample(
            gt_img=torch.randint(0, 256, (3, 4 * lq[0], 4 * lq[1])).float(),
            ref_img=torch.randint(0, 256, (3, *ref)).float(),
            ref_down=torch.randint(0, 256, (3, *ref_down)).float(),
            metainfo=dict(
                img_channel_order='rgb', gt_channel_order='rgb', gt_path='a.png', **(metainfo or {})
            ),
        )
        samples.append(sample)
    inputs = [torch.randint(0, 256, (3, *lq)).float() for _ in range(n)]
    return dict(inputs=inputs, data_samples=samples)


def optimizers(model):
    config = dict(generator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3)))
    if model.discriminator is not None:
        config['discriminator'] = config['generator']
    constructor = dict(type='MultiOptimWrapperConstructor', optim_wrapper_cfg=config)
    return OPTIM_WRAPPER_CONSTRUCTORS.build(constructor)(model)
