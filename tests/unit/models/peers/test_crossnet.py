"""CrossNet: flow, warping and fusion."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from masasr_mm.models.peers import CrossNet
from masasr_mm.models.peers.crossnet import FlowEstimator, cut_or_repeat
from masasr_mm.models.peers.network import enlarge


class Shift(nn.Module):
    """A flow of so many pixels to the right at full size."""

    def forward(self, image, ref):
        height, width = image.shape[2:]
        flows = [torch.zeros(1, 2, height >> i, width >> i) for i in range(4)]
        for level, flow in enumerate(flows):
            flow[:, 0] = 8 / 2**level
        return flows


def test_warped_at_four_scales_and_fused():
    """Features of the reference are taken 8, 4, 2 and 1 pixels further right, borders repeated."""
    torch.manual_seed(0)
    net = CrossNet(channels=4)
    net.flow = Shift()
    lq, ref = torch.rand(1, 3, 4, 6), torch.rand(1, 3, 16, 24)

    def encoded(image):
        found = []
        for layer in net.encoder:
            image = F.conv2d(image, layer[0].weight, layer[0].bias, 1 + bool(found), 2).relu()
            found.append(image)
        return found

    with torch.no_grad():
        levels = []
        for level, (own, other) in enumerate(zip(encoded(enlarge(lq)), encoded(ref))):
            columns = (torch.arange(other.shape[3]) + 8 // 2**level).clamp(max=other.shape[3] - 1)
            levels.append((own, other[..., columns]))
        decoded = net.decoder[0][0](torch.cat(levels[3], 1)).relu()
        decoded = net.decoder[1][0](torch.cat((*levels[2], decoded), 1)).relu()
        decoded = net.decoder[2][0](torch.cat((*levels[1], decoded), 1)).relu()
        expected = net.fusion(torch.cat((*levels[0], decoded), 1))
        torch.testing.assert_close(net(lq, ref), expected, rtol=1e-4, atol=1e-5)


def test_a_reference_of_another_size_is_cut_or_repeated():
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert cut_or_repeat(image, 2, 6).tolist() == [[[[0, 1, 2, 3, 3, 3], [4, 5, 6, 7, 7, 7]]]]
    assert torch.equal(cut_or_repeat(image, 3, 4), image)


def test_everything_is_reached_by_gradients():
    net = CrossNet(channels=4)
    net(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 64, 64)).sum().backward()
    assert all(value.grad is not None for value in net.fusion.parameters())
    assert all(value.grad is not None for value in net.encoder.parameters())
    assert float(net.flow.to_flow.bias.grad.abs().max()) > 0


@pytest.fixture(scope='module')
def estimator():
    torch.manual_seed(0)
    return FlowEstimator().eval()


def test_a_training_begins_without_movement(estimator):
    with torch.no_grad():
        flows = estimator(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))
    assert [tuple(flow.shape) for flow in flows] == [(1, 2, 64 >> i, 64 >> i) for i in range(4)]
    assert not any(flow.any() for flow in flows)


def test_sizes_that_cannot_be_halved_six_times_are_padded_inside(estimator):
    """The flow is that of the images with their last row and column repeated, and cut."""
    for refine in (*estimator.up, estimator):
        nn.init.normal_(refine.to_flow.weight, std=0.01)
    images = [torch.rand(1, 3, 40, 72) for _ in range(2)]
    padded = [nn.functional.pad(image, (0, 56, 0, 24), mode='replicate') for image in images]
    with torch.no_grad():
        have, expected = estimator(*images), estimator(*padded)
    for level, (small, large) in enumerate(zip(have, expected)):
        assert small.shape[2:] == (40 >> level, 72 >> level)
        torch.testing.assert_close(small, large[..., : 40 >> level, : 72 >> level])
        assert float(small.std()) > 0
