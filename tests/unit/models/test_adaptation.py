"""SAM and its siblings against Eq. 6-11 by torch.std and torch.var, values and gradients."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

import masasr_mm  # noqa: F401

KINDS = (
    'SpatialAdaptationModule',
    'NoAdaptation',
    'AdaptiveInstanceNormalization',
    'SpatiallyAdaptiveNormalization',
)


def transcribed(module: nn.Module, lr: Tensor, ref: Tensor) -> Tensor:
    """Table 3's four ways, with the weights of a module."""
    kind = type(module).__name__
    if kind == 'NoAdaptation':
        return ref
    mean, deviation = lr.mean((2, 3), keepdim=True), torch.std(lr, (2, 3), keepdim=True)
    variance = torch.var(ref, (2, 3), correction=0, keepdim=True)
    normalized = (ref - ref.mean((2, 3), keepdim=True)) / (variance + 1e-5).sqrt()
    if kind == 'AdaptiveInstanceNormalization':
        return normalized * deviation + mean
    conv = module.style[0]
    seen = torch.cat((lr, ref), 1) if kind == 'SpatialAdaptationModule' else lr
    style = F.conv2d(seen, conv.weight, conv.bias, padding=1).relu()
    gamma, beta = module.gamma(style), module.beta(style)
    if kind == 'SpatialAdaptationModule':
        return normalized * (gamma + deviation) + beta + mean
    return normalized * (gamma + 1) + beta


@pytest.mark.parametrize('constant', [None, 0.0, 1.0, -3.5, 100.0])
@pytest.mark.parametrize('kind', KINDS)
def test_adaptation_follows_the_paper(kind, constant):
    """Also where channels are constant, whose deviation has torch's gradient, 0."""
    torch.manual_seed(0)
    module = MODELS.build(dict(type=kind, channels=4)).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.2)
    lr = torch.randn(2, 4, 6, 5, dtype=torch.float64) * 3 + 1
    ref = torch.randn(2, 4, 6, 5, dtype=torch.float64) - 2
    if constant is not None:
        lr[0, :2] = constant
        ref[0, 1:3] = constant
    inputs = [lr.requires_grad_(), ref.requires_grad_(), *module.parameters()]
    results = []
    for out in (module(lr, ref), transcribed(module, lr, ref)):
        gradients = torch.autograd.grad(out.square().sum(), inputs, allow_unused=True)
        results.append([out, *(gradient for gradient in gradients if gradient is not None)])
    assert all(value.isfinite().all() for value in results[0])
    # torch.var of a constant channel is a rounding, not 0.
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


def test_sam_starts_by_giving_ref_the_statistics_of_lr():
    """γ and β start at zero, so mean and deviation are the LR feature's."""
    torch.manual_seed(0)
    module = MODELS.build(dict(type='SpatialAdaptationModule', channels=4))
    lr, ref = torch.randn(1, 4, 9, 9) * 2 + 3, torch.randn(1, 4, 9, 9)
    out = module(lr, ref)
    torch.testing.assert_close(out.mean((2, 3)), lr.mean((2, 3)))
    # IN divides by the biased deviation, σ_LR is unbiased: equal but for n/(n-1) and ε.
    ratio = out.std((2, 3)) / lr.std((2, 3))
    torch.testing.assert_close(ratio, torch.full_like(ratio, math.sqrt(81 / 80)), rtol=1e-4, atol=0)


@pytest.mark.parametrize(('spread', 'offset'), [(1e-4, 0.0), (1.0, 0.0), (1.0, 30.0), (200.0, 0.0)])
@pytest.mark.parametrize(
    'kind',
    ['SpatialAdaptationModule', 'AdaptiveInstanceNormalization', 'SpatiallyAdaptiveNormalization'],
)
def test_half_precision_gives_the_same_to_its_rounding(kind, spread, offset):
    """float16, in which squares below 6e-8 vanish and those above 65504 are infinite."""
    torch.manual_seed(0)
    module = MODELS.build(dict(type=kind, channels=8))
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    features = [(torch.randn(1, 8, 16, 16) * spread + offset).half() for _ in range(2)]
    with torch.no_grad():
        exact = copy.deepcopy(module).double()(*(feature.double() for feature in features))
    leaves = [feature.requires_grad_() for feature in features]
    with torch.autocast('cpu', torch.float16):
        result = module(*leaves)
    result.float().mean().backward()
    assert result.dtype == torch.float16
    rounding = exact.abs().max() / 1024
    assert (result.double() - exact).abs().max() < rounding + 0.01 * exact.std()
    assert all(leaf.grad.isfinite().all() for leaf in leaves)
