"""Tiles give what the whole image gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from mmagic.registry import MODELS
from torch import nn
from torch.nn import functional as F

from masasr_mm.errors import UserError
from masasr_mm.models import DualResidualAggregationModule, MASAEncoder, MASANet
from masasr_mm.models.adaptation import moments
from masasr_mm.models.aggregation import UPSAMPLE_HALO, upsample
from masasr_mm.models.convolutions import ResidualBlock
from masasr_mm.models.inference.halos import probed_halo
from masasr_mm.models.inference.tiled import MomentsOfTiles, TiledMASANet
from masasr_mm.models.inference.whole import WholeMASANet
from masasr_mm.models.lr_pyramid import LRPyramid
from masasr_mm.models.matching import pruned_search


def network(**changes):
    torch.manual_seed(0)
    config = dict(channels=4, fusion_blocks=(1, 2, 1), encoder=dict(num_blocks=1))
    net = MASANet(**{**config, **changes}).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return net


def images(h, w, ref_h, ref_w, n=1):
    ref = torch.rand(n, 3, 4 * ref_h, 4 * ref_w)
    return torch.rand(n, 3, h, w), ref, F.avg_pool2d(ref, 4)


@pytest.mark.parametrize('tile', [8, 16, 24, 1000])
@pytest.mark.parametrize('sizes', [(40, 24, 30, 52), (8, 72, 5, 3)])
def test_tiles_give_the_whole(tile, sizes):
    net = network()
    inputs = images(*sizes, n=2)
    with torch.no_grad():
        whole, matches = net.super_resolve(*inputs)
    have, have_matches = TiledMASANet(net, tile).super_resolve(*inputs)
    assert torch.equal(have_matches.position, matches.position)
    assert whole.std() > 0.1
    torch.testing.assert_close(have, whole, rtol=1e-4, atol=1e-4)


def test_tiles_match_as_the_whole_does_where_the_search_is_pruned(monkeypatch):
    """With a search so narrow that it misses most of the best."""
    monkeypatch.setattr(pruned_search, 'RANK', 1)
    monkeypatch.setattr(pruned_search, 'TILES', 1)
    net, inputs = network(matching=dict(search='pruned')), images(40, 24, 30, 52, n=2)
    with torch.no_grad():
        whole, matches = net.super_resolve(*inputs)
        net.matching.search = 'exact'
        exact = net.match(inputs[0], inputs[2])[1]
    net.matching.search = 'pruned'
    assert not torch.equal(exact.coarse_index, matches.coarse_index)
    for run in (TiledMASANet(net, 16), WholeMASANet(net)):
        have, have_matches = run.super_resolve(*inputs)
        assert torch.equal(have_matches.coarse_index, matches.coarse_index)
        assert torch.equal(have_matches.position, matches.position)
        torch.testing.assert_close(have, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    'kind', ['NoAdaptation', 'AdaptiveInstanceNormalization', 'SpatiallyAdaptiveNormalization']
)
def test_the_siblings_of_sam_can_be_tiled(kind):
    net = network(adaptation=dict(type=kind))
    inputs = images(24, 24, 20, 20)
    with torch.no_grad():
        whole = net(*inputs)
    have, _ = TiledMASANet(net, 8).super_resolve(*inputs)
    torch.testing.assert_close(have, whole, rtol=1e-4, atol=1e-4)


def test_tiles_that_took_their_own_statistics_would_differ():
    """What the tiles are for: SAM's statistics are of the whole image."""
    net = network()
    lq, ref, ref_down = images(48, 48, 48, 48)
    lq[:, :, :, 24:] *= 0.2
    with torch.no_grad():
        whole = net(lq, ref, ref_down)
        alone = net(lq[:, :, :, 24:], ref, ref_down)
    tiled, _ = TiledMASANet(net, 24).super_resolve(lq, ref, ref_down)
    assert (alone[..., 48:] - whole[..., 144:]).abs().mean() > 10 * (tiled - whole).abs().mean()
    assert (alone[..., 48:] - whole[..., 144:]).abs().mean() > 1e-2


def test_two_threads_on_one_network_do_as_one_does():
    """They meet in every tile, so that each has the other's statistics if they are shared."""
    net, dark = network(), images(16, 24, 16, 16)
    bright = [5 * image + 1 for image in images(16, 24, 16, 16)]
    run = TiledMASANet(net, 8).super_resolve
    expected = [run(*inputs)[0] for inputs in (dark, bright)]
    together = Barrier(2)

    def meet(*_):
        together.wait(60)

    net.adaptation.register_forward_pre_hook(meet)
    with ThreadPoolExecutor(2) as threads:
        have = [threads.submit(run, *inputs) for inputs in (dark, bright)]
    for result, alone in zip(have, expected):
        assert torch.equal(result.result()[0], alone)


def test_half_precision_reference_features_change_little():
    net = network()
    inputs = images(24, 24, 24, 24)
    exact, _ = TiledMASANet(net, 16).super_resolve(*inputs)
    half, _ = TiledMASANet(net, 16, ref_dtype='float16').super_resolve(*inputs)
    assert half.dtype == torch.float32
    difference = (half - exact).abs().max()
    assert 0 < difference < 0.05 * exact.std()


def test_progress_is_told():
    told = []

    def track(tiles, description):
        told.append((description, len(tiles)))
        return tiles

    TiledMASANet(network(), 16, track=track).super_resolve(*images(72, 32, 72, 32))
    assert told == [
        ('encoding the photo', 2),
        ('matching', 1),
        ('encoding the reference', 3),
        ('statistics at 1×', 2),
        ('fusing at 1×', 2),
        ('statistics at 2×', 3),
        ('fusing at 2×', 3),
        ('statistics at 4×', 10),
        ('fusing at 4×', 10),
    ]


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


@pytest.mark.parametrize(
    ('kind', 'options', 'expected'),
    [
        ('SpatialAdaptationModule', {}, 2),
        ('SpatiallyAdaptiveNormalization', {}, 2),
        ('AdaptiveInstanceNormalization', {}, 0),
        ('NoAdaptation', {}, 0),
        ('DualResidualAggregationModule', {}, DualResidualAggregationModule.halo),
        ('DualResidualAggregationModule', dict(ref_branch=False), 3),
        ('DualResidualAggregationModule', dict(lr_branch=False), 3),
        ('DualResidualAggregationModule', dict(ref_branch=False, lr_branch=False), 3),
    ],
)
def test_the_halo_is_how_far_a_part_looks(kind, options, expected):
    part = MODELS.build(dict(type=kind, channels=2, **options))
    scale = 0.5 if 'Aggregation' in kind else 1
    assert probed_halo(part, [(2, scale), (2, 1)]) == expected


def test_declared_halos_are_how_far_the_parts_look():
    assert probed_halo(ResidualBlock(2), [(2, 1)]) == ResidualBlock.halo
    assert probed_halo(Called(upsample), [(2, 0.5)]) == UPSAMPLE_HALO
    encoder = MASAEncoder(channels=2, num_levels=3, num_blocks=2)
    assert encoder.halo - 4 < probed_halo(encoder, [(3, 4)]) <= encoder.halo
    pyramid = LRPyramid(channels=2, num_levels=3, num_blocks=0)
    levels = Called(lambda *features: pyramid.double()(list(features)))
    reach = probed_halo(levels, [(2, 1), (2, 0.5), (2, 0.25)])
    assert pyramid.halo - 4 < reach <= pyramid.halo


class Called(nn.Module):
    """A function as a part of a network."""

    def __init__(self, function) -> None:
        super().__init__()
        self.forward = function


class Wide(nn.Module):
    """An adaptation of somebody's own that looks 8 pixels far, and knows nothing of tiles."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blur = nn.Conv2d(channels, channels, 17, padding=8, groups=channels)

    def forward(self, lr, ref):
        return self.blur(ref) + lr


class Halving(Wide):
    """One with other sizes inside, whose values decide, and weights that begin at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        nn.init.zeros_(self.blur.weight)

    def forward(self, lr, ref):
        return upsample(F.max_pool2d(super().forward(lr, ref), 2)).where(lr > 0, ref)


class WideAndDeclared(Wide):
    halo = 8


class Attention(Wide):
    def forward(self, lr, ref):
        return ref * lr.mean((2, 3), keepdim=True)


@pytest.fixture
def _own_parts():
    kinds = (Wide, Halving, WideAndDeclared, Attention)
    for kind in kinds:
        MODELS.register_module(module=kind)
    yield
    for kind in kinds:
        MODELS.module_dict.pop(kind.__name__)


@pytest.mark.usefixtures('_own_parts')
@pytest.mark.parametrize('kind', ['Wide', 'Halving'])
def test_tiles_with_an_adaptation_of_one_s_own_give_the_whole(kind):
    """Plugged in by config; nothing is declared."""
    net = network(adaptation=dict(type=kind), matching=dict(block_size=4))
    inputs = images(36, 28, 24, 24)
    with torch.no_grad():
        whole = net(*inputs)
    have, _ = TiledMASANet(net, 8).super_resolve(*inputs)
    torch.testing.assert_close(have, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures('_own_parts')
def test_a_declared_halo_is_taken(monkeypatch):
    net = network(adaptation=dict(type='WideAndDeclared'), matching=dict(block_size=1))
    inputs = images(36, 28, 24, 24)
    with torch.no_grad():
        whole = net(*inputs)
    have, _ = TiledMASANet(net, 8).super_resolve(*inputs)
    torch.testing.assert_close(have, whole, rtol=1e-4, atol=1e-4)
    monkeypatch.setattr(WideAndDeclared, 'halo', 0)
    have, _ = TiledMASANet(net, 8).super_resolve(*inputs)
    assert (have - whole).abs().max() > 0.1 * whole.std()  # what a halo too small would do


@pytest.mark.usefixtures('_own_parts')
@pytest.mark.parametrize('place', ['adaptation', 'encoder'])
def test_a_part_that_sees_the_whole_image_refuses_tiles(place):
    net = network()
    part = Attention(4) if place == 'adaptation' else Called(lambda image: [image.mean() + image])
    setattr(net, place, part)
    with pytest.raises(UserError, match=f'{type(part).__name__} depends on the whole') as caught:
        TiledMASANet(net, 8)
    assert '\n' not in str(caught.value)
    assert 'tile=None' in str(caught.value)
