"""The released way and ours come to the same."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.benchmark.unfolded_matching import UnfoldedMatching
from masasr_mm.models import MASANet, MatchExtractionModule


@pytest.mark.parametrize('sizes', [(40, 24, 30, 52), (8, 16, 5, 40), (16, 16, 16, 16)])
@torch.no_grad()
def test_whole_networks_agree(sizes):
    h, w, ref_h, ref_w = sizes
    torch.manual_seed(0)
    net = MASANet(channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1)).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    ref = torch.rand(2, 3, 4 * ref_h, 4 * ref_w)
    images = (torch.rand(2, 3, h, w), ref, F.avg_pool2d(ref, 4))
    have, matches = net.super_resolve(*images)
    net.matching = UnfoldedMatching.like(net.matching)
    need, needed = net.super_resolve(*images)
    assert torch.equal(matches.coarse_index, needed.coarse_index)
    assert torch.equal(matches.fine_index, needed.fine_index)
    assert torch.equal(matches.position, needed.position)
    torch.testing.assert_close(have, need, rtol=1e-4, atol=1e-5)


def test_gradients_agree():
    torch.manual_seed(0)
    lr, ref_down = (torch.rand(1, 3, 16, 16, requires_grad=True) for _ in range(2))
    ref = torch.rand(1, 3, 32, 32, requires_grad=True)
    gradients = []
    for matching in (MatchExtractionModule(), UnfoldedMatching()):
        texture = matching.extract(ref, matching(lr, ref_down))
        loss = (texture * torch.linspace(0, 1, 32)).sum()
        gradients.append(torch.autograd.grad(loss, (lr, ref_down, ref)))
    for ours, theirs in zip(*gradients):
        assert theirs.abs().max() > 0
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_settings_are_taken_over():
    settings = dict(block_size=4, ref_block_ratio=2, patch_size=5, dilations=(1, 4))
    module = UnfoldedMatching.like(MatchExtractionModule(**settings))
    assert {name: getattr(module, name) for name in settings} == settings
