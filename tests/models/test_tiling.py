"""Tiles give what the whole image gives."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.models import MASAEncoder, MASANet
from masasr_mm.models.adaptation import moments
from masasr_mm.models.tiling import MomentsOfTiles, TiledMASANet


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

    TiledMASANet(network(), 16, track=track).super_resolve(*images(32, 32, 64, 32))
    assert told == [
        ('encoding the reference', 2),
        ('statistics at 2×', 4),
        ('fusing at 2×', 4),
        ('statistics at 4×', 4),
        ('fusing at 4×', 4),
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
