"""Tiles with halo, how far parts look, and statistics of tiles."""

from __future__ import annotations

import pytest
import torch
from mmagic.registry import MODELS
from torch import nn

from masasr_mm.models import DualResidualAggregationModule, MASAEncoder
from masasr_mm.models.adaptation import moments
from masasr_mm.models.encoder import LRPyramid
from masasr_mm.models.inference.tiling import moments_of_all, probed_halo
from masasr_mm.models.layers import UPSAMPLE_HALO, ResidualBlock, upsample


@pytest.mark.parametrize(
    ('kind', 'options', 'expected'),
    [
        ('SpatialAdaptationModule', {}, 2),
        ('SpatiallyAdaptiveNormalization', {}, 2),
        ('AdaptiveInstanceNormalization', {}, 0),
        ('NoAdaptation', {}, 0),
        ('DualResidualAggregationModule', {}, DualResidualAggregationModule.halo),
        ('DualResidualAggregationModule', dict(ref_branch=False, lr_branch=False), 3),
    ],
)
def test_the_halo_is_how_far_a_part_looks(kind, options, expected):
    part = MODELS.build(dict(type=kind, channels=2, **options))
    scale = 0.5 if 'Aggregation' in kind else 1
    assert probed_halo(part, [(2, scale), (2, 1)]) == expected


class Called(nn.Module):
    """A function as a part of a network."""

    def __init__(self, function) -> None:
        super().__init__()
        self.forward = function


def test_declared_halos_are_how_far_the_parts_look():
    assert probed_halo(ResidualBlock(2), [(2, 1)]) == ResidualBlock.halo
    assert probed_halo(Called(upsample), [(2, 0.5)]) == UPSAMPLE_HALO
    encoder = MASAEncoder(channels=2, num_levels=3, num_blocks=1)
    assert encoder.halo - 4 < probed_halo(encoder, [(3, 4)]) <= encoder.halo
    pyramid = LRPyramid(channels=2, num_levels=3, num_blocks=0)
    levels = Called(lambda *features: pyramid.double()(list(features)))
    reach = probed_halo(levels, [(2, 1), (2, 0.5), (2, 0.25)])
    assert pyramid.halo - 4 < reach <= pyramid.halo


def test_moments_of_tiles_in_half_precision_are_in_float32():
    feature = torch.full((1, 1, 8, 8), 1.0, dtype=torch.float16)
    feature[..., ::2] = 1.0009765625
    mean, variance, count = moments(feature)
    have = moments_of_all(mean[None], variance[None], [count])
    torch.testing.assert_close(have.deviation, feature.float().std((2, 3), keepdim=True))
