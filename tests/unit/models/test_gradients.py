"""Gradients of everything that is trained, on images and features that hold nothing."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

import masasr_mm  # noqa: F401
from tests.small_networks import TINY

IMAGES = ('black', 'grey', 'white', 'pixel', 'noise')
HALF = (False, True)


def image(content: str, height: int, width: int) -> Tensor:
    """Return an image, shape (1, 3, height, width), in [0, 1]."""
    if content == 'noise':
        return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))
    level = dict(black=0.0, grey=0.5, white=1.0, pixel=0.5)[content]
    flat = torch.full((1, 3, height, width), level)
    if content == 'pixel':
        flat[..., height // 2, width // 2] += 1 / 255
    return flat


def network(dead: bool = False) -> nn.Module:
    """Return a tiny network as training starts with it, perhaps with channels that stay zero."""
    torch.manual_seed(0)
    net = MODELS.build(dict(type='MASANet', **TINY))
    if dead:
        with torch.no_grad():
            for conv in (m for m in net.modules() if isinstance(m, nn.Conv2d)):
                conv.weight[:1] = 0
    return net


def gradients(net: nn.Module, images: list[Tensor], half: bool = False) -> dict[str, Tensor]:
    """Return the gradients of weights and images, by their names."""
    images = [image.clone().requires_grad_() for image in images]
    with torch.autocast('cpu', torch.bfloat16, enabled=half):
        result = net(*images)
    target = torch.rand(result.shape, generator=torch.Generator().manual_seed(2))
    F.l1_loss(result.float(), target).backward()
    named = {name: weight.grad for name, weight in net.named_parameters()}
    named.update(zip(('lq', 'ref', 'ref_down'), (image.grad for image in images)))
    return {name: gradient for name, gradient in named.items() if gradient is not None}


@pytest.mark.parametrize('half', HALF)
@pytest.mark.parametrize('dead', [False, True])
def test_gradients_of_the_network_are_finite(dead, half):
    """Every LR with every reference, in one batch."""
    pairs = list(product(IMAGES, IMAGES))
    sizes = ((0, 8), (1, 32), (1, 8))
    inputs = [torch.cat([image(pair[i], n, n) for pair in pairs]) for i, n in sizes]
    for name, gradient in gradients(network(dead), inputs, half).items():
        assert gradient.isfinite().all(), name


@pytest.mark.parametrize('half', HALF)
def test_gradients_of_discriminator_and_adversarial_loss_are_finite(half):
    torch.manual_seed(0)
    discriminator = MODELS.build(dict(type='MASADiscriminator', in_size=32, mid_channels=4))
    loss = MODELS.build(dict(type='GANLoss', gan_type='vanilla', loss_weight=5e-3))
    for content in IMAGES:
        fake = image(content, 32, 32).repeat(2, 1, 1, 1).requires_grad_()
        with torch.autocast('cpu', torch.bfloat16, enabled=half):
            score = discriminator(fake) - discriminator(image('grey', 32, 32).repeat(2, 1, 1, 1))
            (loss(score, True, is_disc=False) + loss(-score, False, is_disc=True)).backward()
        assert fake.grad.isfinite().all(), content
    for name, weight in discriminator.named_parameters():
        assert weight.grad.isfinite().all(), name


def test_a_black_bar_does_not_drown_all_other_gradients():
    """With the initial biases, which are 0, its features are 0, and 1/ε is 1e12."""
    plain = [image('noise', size, size) for size in (32, 128, 32)]
    barred = [plain[0].clone(), *plain[1:]]
    barred[0][:, :, :16] = 0
    largest = [
        max(gradient.abs().max() for gradient in gradients(network(), images).values())
        for images in (plain, barred)
    ]
    assert 0 < largest[1] < 1000 * largest[0]
