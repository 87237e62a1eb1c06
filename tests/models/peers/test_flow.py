"""The optical flow of CrossNet."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from masasr_mm.models.peers.flow import FlowEstimator


@pytest.fixture(scope='module')
def estimator():
    torch.manual_seed(0)
    return FlowEstimator().eval()


def test_a_training_begins_without_movement(estimator):
    with torch.no_grad():
        flows = estimator(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64))
    assert [tuple(flow.shape) for flow in flows] == [(1, 2, 64 >> i, 64 >> i) for i in range(4)]
    assert not any(flow.any() for flow in flows)


def test_the_way_down_is_flownets_nine_convolutions(estimator):
    """Fig. 2 of FlowNet's paper."""
    layers = [(6, 64, 7), (64, 128, 5), (128, 256, 5), (256, 256, 3), (256, 512, 3), (512, 512, 3),
              (512, 512, 3), (512, 512, 3), (512, 1024, 3)]  # fmt: skip
    expected = sum(i * o * k * k + o for i, o, k in layers)
    assert sum(p.numel() for p in estimator.down.parameters()) == expected


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
