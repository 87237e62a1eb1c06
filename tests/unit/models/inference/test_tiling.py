"""Tiles with halo, how far parts look, and statistics of tiles."""

from __future__ import annotations

import pytest
import torch
from mmagic.registry import MODELS
from torch import nn

from masasr_mm.models import DualResidualAggregationModule, MASAEncoder
from masasr_mm.models.adaptation import moments
from masasr_mm.models.encoder import LRPyramid
from masasr_mm.models.inference.tiling import (
    MomentsOfTiles,
    at,
    cut_into_tiles,
    overlap_factor,
    probed_halo,
)
from masasr_mm.models.layers import UPSAMPLE_HALO, ResidualBlock, upsample


@pytest.mark.parametrize(
    ('size', 'side', 'halo'), [((10, 7), (3, 9), (2, 1)), ((5, 8), (8, 8), (1, 1))]
)
def test_tiles_cover_the_image_once(size, side, halo):
    image, covered, seen = torch.arange(size[0] * size[1]).view(size), [], 0
    for tile in cut_into_tiles(size, side, halo):
        outer = image[at(tile.outer, 1)]
        assert torch.equal(outer[at(tile.inner, 1)], image[at(tile.core, 1)])
        for core, wide, length, reach in zip(tile.core, tile.outer, size, halo):
            assert wide == slice(max(0, core.start - reach), min(length, core.stop + reach))
        covered += image[at(tile.core, 1)].flatten().tolist()
        seen += outer.numel()
    assert sorted(covered) == list(range(image.numel()))
    assert overlap_factor(cut_into_tiles(size, side, halo)) == seen / image.numel()


def test_a_region_covers_the_same_at_another_scale():
    image = torch.arange(48).view(6, 8)
    enlarged = image.repeat_interleave(2, 0).repeat_interleave(3, 1)
    region = (slice(2, 5), slice(1, 4))
    expected = image[2:5, 1:4].repeat_interleave(2, 0).repeat_interleave(3, 1)
    assert torch.equal(enlarged[at(region, (2, 3))], expected)


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


def test_moments_of_tiles_are_those_of_the_image():
    feature = torch.randn(2, 3, 17, 23) * 5 + 100
    measured = MomentsOfTiles()
    for part in feature.split((5, 5, 7), dim=2):
        for tile in part.split((20, 3), dim=3):
            measured.add(tile)
    have, need = measured.result(torch.float32), moments(feature)
    assert have.count == need.count == 17 * 23
    torch.testing.assert_close(have.mean, need.mean)
    torch.testing.assert_close(have.variance, need.variance)
    torch.testing.assert_close(have.deviation, feature.std((2, 3), keepdim=True))


def test_moments_of_tiles_in_half_precision_are_in_float32():
    feature = torch.full((1, 1, 8, 8), 1.0, dtype=torch.float16)
    feature[..., ::2] = 1.0009765625
    measured = MomentsOfTiles()
    measured.add(feature)
    have = measured.result(torch.float16)
    torch.testing.assert_close(have.deviation, feature.float().std((2, 3), keepdim=True))
