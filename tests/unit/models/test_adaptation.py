"""SAM and its siblings against loops over Eq. 6-11."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from mmagic.registry import MODELS
from torch.nn import functional as F

import masasr_mm  # noqa: F401


def statistics(channel: torch.Tensor, unbiased: bool) -> tuple[float, float]:
    """Eq. 7-8 of one channel, in plain numbers."""
    values = channel.flatten().tolist()
    mean = sum(values) / len(values)
    squares = sum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (len(values) - unbiased))


def expected(kind: str, module, lr: torch.Tensor, ref: torch.Tensor) -> torch.Tensor:
    """Table 3's four ways, channel by channel."""
    if kind == 'NoAdaptation':
        return ref
    gamma = beta = None
    if kind != 'AdaptiveInstanceNormalization':
        seen = torch.cat((lr, ref), 1) if kind == 'SpatialAdaptationModule' else lr
        conv = module.style[0]
        style = F.conv2d(seen, conv.weight, conv.bias, padding=1).relu()
        gamma, beta = module.gamma(style), module.beta(style)
    out = torch.empty_like(ref)
    for n in range(ref.shape[0]):
        for c in range(ref.shape[1]):
            mean_ref, deviation_ref = statistics(ref[n, c], unbiased=False)
            mean_lr, deviation_lr = statistics(lr[n, c], unbiased=True)
            normalized = (ref[n, c] - mean_ref) / math.sqrt(deviation_ref**2 + 1e-5)
            if kind == 'SpatialAdaptationModule':
                out[n, c] = normalized * (gamma[n, c] + deviation_lr) + beta[n, c] + mean_lr
            elif kind == 'SpatiallyAdaptiveNormalization':
                out[n, c] = normalized * (1 + gamma[n, c]) + beta[n, c]
            else:
                out[n, c] = normalized * deviation_lr + mean_lr
    return out


@pytest.mark.parametrize(
    'kind',
    [
        'SpatialAdaptationModule',
        'NoAdaptation',
        'AdaptiveInstanceNormalization',
        'SpatiallyAdaptiveNormalization',
    ],
)
def test_adaptation_follows_the_paper(kind):
    torch.manual_seed(0)
    module = MODELS.build(dict(type=kind, channels=4)).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    lr = torch.randn(2, 4, 6, 5, dtype=torch.float64) * 3 + 1
    ref = torch.randn(2, 4, 6, 5, dtype=torch.float64) - 2
    with torch.no_grad():
        torch.testing.assert_close(module(lr, ref), expected(kind, module, lr, ref))


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
