"""Gradients of everything that is trained, on images and features that hold nothing."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

import masasr_mm  # noqa: F401
from masasr_mm.models.adaptation import moments

LEARNED = ('SpatialAdaptationModule', 'SpatiallyAdaptiveNormalization')
KINDS = (*LEARNED, 'AdaptiveInstanceNormalization')
IMAGES = ('black', 'grey', 'white', 'pixel', 'noise')
CHANNELS = 4


class Transcription(nn.Module):
    """SAM, SPADE and AdaIN by torch.std and torch.var, with the weights of another module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module, self.kind = module, type(module).__name__

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        mean, deviation = lr.mean((2, 3), keepdim=True), torch.std(lr, (2, 3), keepdim=True)
        centred = ref - ref.mean((2, 3), keepdim=True)
        variance = torch.var(ref, (2, 3), correction=0, keepdim=True)
        normalized = centred / (variance + 1e-5).sqrt()
        if self.kind == 'AdaptiveInstanceNormalization':
            return normalized * deviation + mean
        conv = self.module.style[0]
        seen = torch.cat((lr, ref), 1) if self.kind == 'SpatialAdaptationModule' else lr
        style = F.conv2d(seen, conv.weight, conv.bias, padding=1).relu()
        gamma, beta = self.module.gamma(style), self.module.beta(style)
        if self.kind == 'SpatialAdaptationModule':
            return normalized * (gamma + deviation) + beta + mean
        return normalized * (gamma + 1) + beta


def image(content: str, height: int, width: int) -> Tensor:
    """Return an image, shape (1, 3, height, width), in [0, 1]."""
    if content == 'noise':
        return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))
    level = dict(black=0.0, grey=0.5, white=1.0, pixel=0.5)[content]
    flat = torch.full((1, 3, height, width), level)
    if content == 'pixel':
        flat[..., height // 2, width // 2] += 1 / 255
    return flat


def network(adaptation: str, dead: bool) -> nn.Module:
    """Return a tiny network as training starts with it, perhaps with channels that stay zero."""
    torch.manual_seed(0)
    net = MODELS.build(
        dict(
            type='MASANet',
            channels=CHANNELS,
            fusion_blocks=(1, 1, 1),
            encoder=dict(num_blocks=1),
            adaptation=dict(type=adaptation),
        )
    )
    if dead:
        with torch.no_grad():
            for conv in (m for m in net.modules() if isinstance(m, nn.Conv2d)):
                conv.weight[:1] = 0
    return net


def gradients(net: nn.Module, images: list[Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the gradients of weights and images, by their names."""
    images = [image.clone().requires_grad_() for image in images]
    net.zero_grad()
    with torch.autocast('cpu', torch.bfloat16, enabled=dtype == torch.bfloat16):
        result = net(*images)
    target = torch.rand(result.shape, generator=torch.Generator().manual_seed(2))
    F.l1_loss(result.float(), target).backward()
    named = {name: weight.grad for name, weight in net.named_parameters()}
    named.update(zip(('lq', 'ref', 'ref_down'), (image.grad for image in images)))
    return {name: gradient for name, gradient in named.items() if gradient is not None}


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('dead', [False, True])
@pytest.mark.parametrize('adaptation', KINDS)
@pytest.mark.parametrize('size', [8, 32])
def test_gradients_of_the_network_are_finite(size, adaptation, dead, dtype):
    """Every LR with every reference, in one batch."""
    pairs = list(product(IMAGES, IMAGES))
    sizes = ((0, size), (1, 32), (1, 8))
    inputs = [torch.cat([image(pair[i], n, n) for pair in pairs]) for i, n in sizes]
    for name, gradient in gradients(network(adaptation, dead), inputs, dtype).items():
        assert gradient.isfinite().all(), name


@pytest.mark.parametrize('dead', [False, True])
@pytest.mark.parametrize('adaptation', KINDS)
def test_gradients_of_the_network_are_those_of_the_transcription(adaptation, dead):
    net = network(adaptation, dead)
    inputs = [torch.cat([image(content, 16, 16) for content in IMAGES])]
    inputs += [image('noise', size, size).repeat(len(IMAGES), 1, 1, 1) for size in (64, 16)]
    found = gradients(net, inputs, torch.float32)
    net.adaptation = Transcription(net.adaptation)
    expected = gradients(net, inputs, torch.float32)
    for name, gradient in found.items():
        other = expected[name.replace('adaptation.', 'adaptation.module.')]
        torch.testing.assert_close(gradient, other, rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.parametrize('offset', [0.0, 1.0, -3.5, 100.0])
@pytest.mark.parametrize('constant', ['lr', 'ref', 'both'])
@pytest.mark.parametrize('kind', KINDS)
def test_a_constant_channel_has_the_gradient_of_torch_std(kind, constant, offset):
    torch.manual_seed(0)
    module = MODELS.build(dict(type=kind, channels=CHANNELS)).double()
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.2)
    features = dict(lr=torch.randn(2, CHANNELS, 6, 5), ref=torch.randn(2, CHANNELS, 6, 5))
    for name, feature in features.items():
        if constant in (name, 'both'):
            feature[0, 1] = offset
    results = []
    for part in (module, Transcription(module)):
        module.zero_grad()
        leaves = [feature.double().requires_grad_() for feature in features.values()]
        part(*leaves).square().sum().backward()
        results.append([leaf.grad for leaf in leaves] + [w.grad for w in module.parameters()])
    for gradient, expected in zip(*results):
        assert expected.isfinite().all()
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('spread', [0.0, 1e-6, 1e-4, 1.0, 300.0])
def test_statistics_are_those_of_float32_in_half_precision(spread, dtype):
    """float16 holds no square of 1e-4 and none of 300; bfloat16 rounds a mean by 1/256 of it."""
    feature = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * spread
    feature = (feature + torch.tensor([0.0, 1.0, -2.0])[:, None, None]).to(dtype)
    measured, exact = moments(feature), feature.double()
    torch.testing.assert_close(
        measured.mean.double(), exact.mean((2, 3), keepdim=True), rtol=1e-5, atol=1e-7
    )
    torch.testing.assert_close(
        measured.deviation.double(), exact.std((2, 3), keepdim=True), rtol=1e-4, atol=1e-7
    )


def test_moments_of_one_pixel_have_no_deviation():
    feature = torch.randn(1, 3, 1, 1, requires_grad=True)
    deviation = moments(feature).deviation
    deviation.sum().backward()
    assert deviation.eq(0).all()
    assert feature.grad.eq(0).all()


@pytest.mark.parametrize('content', IMAGES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_gradients_of_discriminator_and_adversarial_loss_are_finite(content, dtype):
    torch.manual_seed(0)
    discriminator = MODELS.build(dict(type='MASADiscriminator', in_size=32))
    loss = MODELS.build(dict(type='GANLoss', gan_type='vanilla', loss_weight=5e-3))
    fake = image(content, 32, 32).repeat(2, 1, 1, 1).requires_grad_()
    with torch.autocast('cpu', torch.bfloat16, enabled=dtype == torch.bfloat16):
        difference = discriminator(fake) - discriminator(image('grey', 32, 32).repeat(2, 1, 1, 1))
        (loss(difference, True, is_disc=False) + loss(-difference, False, is_disc=True)).backward()
    assert fake.grad.isfinite().all()
    for name, weight in discriminator.named_parameters():
        assert weight.grad.isfinite().all(), name


@pytest.mark.parametrize('content', IMAGES)
def test_gradients_of_reconstruction_and_perceptual_loss_are_finite_at_zero(content, random_vgg19):
    """SR equal to HR: the point where a norm has no gradient."""
    losses = [
        MODELS.build(dict(type='L1Loss')),
        MODELS.build(
            dict(
                type='PerceptualLoss',
                layer_weights={'34': 1.0},
                vgg_type='vgg19',
                style_weight=0,
                norm_img=False,
                criterion='mse',
            )
        ),
    ]
    sr = image(content, 32, 32).requires_grad_()
    pixel, (perceptual, _) = (loss(sr, sr.detach().clone()) for loss in losses)
    (pixel + perceptual).backward()
    assert sr.grad.isfinite().all()


def test_a_black_bar_does_not_drown_all_other_gradients():
    """With the initial biases, which are 0, its features are 0, and 1/ε is 1e12."""
    net = network('SpatialAdaptationModule', dead=False)
    plain = [image('noise', size, size) for size in (32, 128, 32)]
    barred = [plain[0].clone(), *plain[1:]]
    barred[0][:, :, :16] = 0
    largest = [
        max(gradient.abs().max() for gradient in gradients(net, images, torch.float32).values())
        for images in (plain, barred)
    ]
    assert 0 < largest[1] < 1000 * largest[0]
