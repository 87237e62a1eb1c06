"""What is kept of a reference gives what the whole reference gives."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.models.kept_reference import KeptFeatures, KeptTexture, smaller_kind
from masasr_mm.models.tiling import TiledMASANet
from tests.models.test_tiling import images, network


def untracked(tiles, _):
    return tiles


@pytest.mark.parametrize('kind', [KeptFeatures, KeptTexture])
@pytest.mark.parametrize('sizes', [(16, 24, 30, 52), (24, 16, 7, 9)])
@torch.no_grad()
def test_texture_is_that_of_the_whole_reference(kind, sizes):
    net = network()
    lq, ref, ref_down = images(*sizes, n=2)
    matches = net.matching(net.encoder(lq)[0], net.encoder(ref_down)[0])
    kept = kind(net, ref, matches, 8, None, untracked)
    py, px = matches.blocks
    for index, feature in enumerate(reversed(net.encoder(ref))):
        whole = net.matching.extract(feature, matches)
        assert whole.std() > 0.01
        have = kept.texture(index, slice(0, py), slice(0, px))
        torch.testing.assert_close(have, whole, rtol=1e-4, atol=1e-5)
        block = 8 * 2**index
        part = kept.texture(index, slice(1, py), slice(0, 1))
        torch.testing.assert_close(part, whole[:, :, block:, :block], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_smaller_of_the_two_is_kept():
    net = network()
    for sizes, kind in (((16, 16, 48, 16), KeptTexture), ((16, 16, 12, 12), KeptFeatures)):
        lq, ref, ref_down = images(*sizes)
        matches = net.matching(net.encoder(lq)[0], net.encoder(ref_down)[0])
        assert smaller_kind(matches) is kind
        kept = kind(net, ref, matches, 16, torch.float16, untracked)
        pixels = min(16 * 16, sizes[2] * sizes[3])
        assert [level.numel() for level in kept.levels] == [pixels * 4 * s for s in (1, 4, 16)]
        assert {level.dtype for level in kept.levels} == {torch.float16}
        kept.forget(0)
        assert [level.numel() for level in kept.levels] == [0, pixels * 16, pixels * 64]


@torch.no_grad()
def test_what_was_not_matched_is_not_encoded(monkeypatch):
    """References stacked to one: only tiles that texture comes from cost time."""
    net = network()
    ref = torch.rand(1, 3, 4 * 96, 4 * 16)
    ref[:, :, 4 * 32 :] = 0.5
    ref_down = F.avg_pool2d(ref, 4)
    lq = ref_down[:, :, 8:16, 4:12].clone()
    whole, matches = net.super_resolve(lq, ref, ref_down)
    encoded = []
    encode = net.encoder.forward
    monkeypatch.setattr(
        net.encoder,
        'forward',
        lambda image, **options: encoded.append(image.shape) or encode(image, **options),
    )
    have, _ = TiledMASANet(net, 8).super_resolve(lq, ref, ref_down)
    torch.testing.assert_close(have, whole, rtol=1e-4, atol=1e-4)
    rows = matches.position // 16
    tiles = {row // 16 for row in rows.flatten().tolist()}
    assert len(encoded) - 2 <= len(tiles) + 1 < 6


def test_a_scale_is_forgotten_once_it_was_used(monkeypatch):
    forgotten = []
    monkeypatch.setattr(KeptFeatures, 'forget', lambda _, index: forgotten.append(index))
    TiledMASANet(network(), 8).super_resolve(*images(16, 16, 12, 12))
    assert forgotten == [0, 1]
