"""Tiles give what the whole image gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmagic.registry import MODELS
from torch import nn
from torch.nn import functional as F

from masasr_mm.errors import UserError
from masasr_mm.models import MASAEncoder, MASANet
from masasr_mm.models.adaptation import moments
from masasr_mm.models.aggregation import UPSAMPLE_HALO, upsample
from masasr_mm.models.convolutions import ResidualBlock
from masasr_mm.models.inference.tiled import MomentsOfTiles, TiledMASANet
from masasr_mm.models.inference.whole import WholeMASANet
from masasr_mm.models.matching import pruned, squares


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
    monkeypatch.setattr(pruned, 'DIRECTIONS', 1)
    monkeypatch.setattr(squares, 'SQUARES', 1)
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
    """One runs to its end between two tiles of the other, at any of its steps."""
    net, dark = network(), images(16, 24, 16, 16)
    bright = [5 * image + 1 for image in images(16, 24, 16, 16)]
    expected = [TiledMASANet(net, 8).super_resolve(*inputs)[0] for inputs in (dark, bright)]

    def interrupt(tiles, description):
        yield from tiles[:1]
        with ThreadPoolExecutor(1) as other:
            have, _ = other.submit(TiledMASANet(net, 8).super_resolve, *bright).result()
        assert torch.equal(have, expected[1]), description
        yield from tiles[1:]

    have, _ = TiledMASANet(net, 8, track=interrupt).super_resolve(*dark)
    assert torch.equal(have, expected[0])


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


def test_halo_of_the_encoder_is_what_it_depends_on():
    torch.manual_seed(0)
    encoder = MASAEncoder(channels=2, num_levels=3, num_blocks=2)
    for parameter in encoder.parameters():  # positive throughout, so that nothing is lost in ReLU
        torch.nn.init.uniform_(parameter, 0.1, 0.2)
    size = 160
    image = torch.rand(1, 3, size, 8, requires_grad=True)
    row = size // 8
    encoder(image)[2][:, :, row].sum().backward()
    touched = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    reach = max(4 * row - touched.min().item(), touched.max().item() - (4 * row + 3))
    assert reach <= encoder.halo
    assert reach >= encoder.halo - 4


def reaches(function, inputs: list[torch.Tensor], size: int) -> int:
    """How far from a row of the result, of so many, the rows lie that it depends on."""
    found = 0
    for row in (size // 2, size // 2 + 1):
        leaves = [leaf.clone().requires_grad_() for leaf in inputs]
        for gradient in torch.autograd.grad(function(*leaves)[:, :, row].sum(), leaves):
            scale = size // gradient.shape[2]
            for touched in gradient.abs().sum((0, 1, 3)).nonzero().flatten().tolist():
                found = max(found, row - scale * touched, scale * touched + scale - 1 - row)
    return found


def positive(part: nn.Module) -> nn.Module:
    """Weights with which nothing is lost in ReLU or by cancellation."""
    torch.manual_seed(0)
    for parameter in part.parameters():
        nn.init.uniform_(parameter, 0.1, 0.2)
    return part


@pytest.mark.parametrize(
    ('kind', 'expected'),
    [
        ('SpatialAdaptationModule', 2),
        ('SpatiallyAdaptiveNormalization', 2),
        ('AdaptiveInstanceNormalization', 0),
        ('NoAdaptation', 0),
    ],
)
def test_halo_of_every_adaptation_is_what_it_depends_on(kind, expected):
    part = positive(MODELS.build(dict(type=kind, channels=2)))
    inputs = [torch.rand(1, 2, 16, 4), torch.rand(1, 2, 16, 4)]
    given = [moments(torch.rand(1, 2, 16, 4)) for _ in inputs]

    def adapt(lr, ref):
        return part(lr, ref, *given) + 0 * lr

    assert reaches(adapt, inputs, 16) == part.halo == expected


@pytest.mark.parametrize('lr_branch', [False, True])
@pytest.mark.parametrize('ref_branch', [False, True])
def test_halo_of_dram_is_what_it_depends_on(ref_branch, lr_branch):
    config = dict(channels=2, ref_branch=ref_branch, lr_branch=lr_branch)
    part = positive(MODELS.build(dict(type='DualResidualAggregationModule', **config)))
    # Reduced by weights of 0.15, such a reference lies between 1 and 2: no residual is negative.
    inputs = [torch.ones(1, 2, 8, 8), torch.full((1, 2, 16, 16), 0.5)]
    assert reaches(part, inputs, 16) == part.halo


def test_halos_of_a_residual_block_and_of_enlarging():
    inputs = [torch.rand(1, 2, 16, 4)]
    assert reaches(positive(ResidualBlock(2)), inputs, 16) == ResidualBlock.halo
    assert reaches(upsample, inputs, 32) == UPSAMPLE_HALO


class Wide(nn.Module):
    """An adaptation of somebody's own that looks far."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blur = nn.Conv2d(channels, channels, 33, padding=16, groups=channels)

    def forward(self, lr, ref, lr_moments=None, ref_moments=None):
        return self.blur(ref) + lr


class WideAndDeclared(Wide):
    halo = 16


class Attention(Wide):
    halo = None


@pytest.fixture
def _own_parts():
    for kind in (Wide, WideAndDeclared, Attention):
        MODELS.register_module(module=kind)
    yield
    for kind in (Wide, WideAndDeclared, Attention):
        MODELS.module_dict.pop(kind.__name__)


@pytest.mark.usefixtures('_own_parts')
def test_tiles_are_as_large_as_a_part_declares():
    net = network(adaptation=dict(type='WideAndDeclared'), matching=dict(block_size=1))
    inputs = images(36, 28, 24, 24)
    with torch.no_grad():
        whole = net(*inputs)
    have, _ = TiledMASANet(net, 8).super_resolve(*inputs)
    torch.testing.assert_close(have, whole, rtol=1e-4, atol=1e-4)
    WideAndDeclared.halo = 2
    try:
        have, _ = TiledMASANet(net, 8).super_resolve(*inputs)
    finally:
        WideAndDeclared.halo = 16
    assert (have - whole).abs().max() > 0.1 * whole.std()  # what a halo too small would do


@pytest.mark.usefixtures('_own_parts')
@pytest.mark.parametrize(
    ('kind', 'words'),
    [('Wide', 'Wide declares no halo'), ('Attention', 'Attention depends on the whole image')],
)
@pytest.mark.parametrize('place', ['adaptation', 'encoder'])
def test_a_part_of_unknown_or_unlimited_reach_refuses_tiles(kind, words, place):
    net = network()
    setattr(net, place, MODELS.build(dict(type=kind, channels=4)))
    with pytest.raises(UserError, match=words) as caught:
        TiledMASANet(net, 8)
    assert '\n' not in str(caught.value)
    assert 'tile=None' in str(caught.value)
