"""Tiles with halo, how far parts look, and statistics of tiles."""

from __future__ import annotations

import pytest
import torch
from mmagic.registry import MODELS
from torch import nn

from masasr_mm.models import DualResidualAggregationModule, MASAEncoder
from masasr_mm.models.adaptation import Moments, moments
from masasr_mm.models.encoder import LRPyramid
from masasr_mm.models.inference.tiling import (
    moments_of_all,
    probed_halo,
)
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


def joined(tiles: list[Moments]) -> Moments:
    means, variances, counts = zip(*tiles)
    return moments_of_all(torch.stack(means), torch.stack(variances), counts)


def test_moments_of_tiles_are_those_of_the_image():
    feature = torch.randn(2, 3, 17, 23) * 5 + 100
    tiles = [tile for part in feature.split((5, 5, 7), 2) for tile in part.split((20, 3), 3)]
    have, need = joined([moments(tile) for tile in tiles]), moments(feature)
    assert have.count == need.count == 17 * 23
    torch.testing.assert_close(have.mean, need.mean)
    torch.testing.assert_close(have.variance, need.variance)
    torch.testing.assert_close(have.deviation, feature.std((2, 3), keepdim=True))


def test_moments_of_tiles_in_half_precision_are_in_float32():
    feature = torch.full((1, 1, 8, 8), 1.0, dtype=torch.float16)
    feature[..., ::2] = 1.0009765625
    have = joined([moments(feature)])
    torch.testing.assert_close(have.deviation, feature.float().std((2, 3), keepdim=True))
