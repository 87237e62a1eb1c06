"""What is kept of a reference gives what the whole reference gives."""

from __future__ import annotations

import math

import pytest
import torch

from masasr_mm.models.inference.kept_reference import KeptFeatures, KeptTexture, smaller_kind
from masasr_mm.models.inference.tiled import TiledMASANet
from masasr_mm.models.inference.whole import WholeMASANet
from tests.models.inference.test_tiled import images, network


@pytest.mark.parametrize('kind', [KeptFeatures, KeptTexture])
@pytest.mark.parametrize('sizes', [(16, 24, 30, 52), (24, 16, 7, 9)])
@torch.no_grad()
def test_texture_is_that_of_the_whole_reference(kind, sizes):
    net = network()
    lq, ref, ref_down = images(*sizes, n=2)
    matches = net.matching(net.encoder(lq)[0], net.encoder(ref_down)[0])
    kept = kind(net, ref, matches, 8)
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
        kept = kind(net, ref, matches, 16, torch.float16)
        pixels = min(16 * 16, sizes[2] * sizes[3])
        assert [level.numel() for level in kept.levels] == [pixels * 4 * s for s in (1, 4, 16)]
        assert {level.dtype for level in kept.levels} == {torch.float16}
        kept.forget(0)
        assert [level.numel() for level in kept.levels] == [0, pixels * 16, pixels * 64]


@pytest.mark.parametrize('kind', [KeptFeatures, KeptTexture])
@torch.no_grad()
def test_what_was_not_matched_is_not_encoded(kind, monkeypatch):
    """All matches lie in 12 rows of 96."""
    net = network()
    lq, ref, ref_down = images(16, 24, 96, 16, n=2)
    found = net.matching(net.encoder(lq)[0], net.encoder(ref_down[:, :, 40:52])[0])
    matches = found._replace(position=found.position + 40 * 16, grid=(96, 16))
    features = net.encoder(ref)
    rows = []
    encode = net.encoder.forward
    monkeypatch.setattr(
        net.encoder,
        'forward',
        lambda image, **options: rows.append(image.shape[2]) or encode(image, **options),
    )
    kept = kind(net, ref, matches, 32)
    assert sum(rows) <= 4 * (12 + 2 * math.ceil(net.encoder.halo / 4))
    for index, feature in enumerate(reversed(features)):
        whole = net.matching.extract(feature, matches)
        torch.testing.assert_close(kept.pop(index), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('sizes', [(16, 24, 60, 52), (24, 16, 7, 9)])
def test_the_whole_is_the_network(sizes):
    net = network()
    inputs = images(*sizes, n=2)
    with torch.no_grad():
        expected, expected_matches = net.super_resolve(*inputs)
    have, matches = WholeMASANet(net).super_resolve(*inputs)
    assert torch.equal(matches.position, expected_matches.position)
    torch.testing.assert_close(have, expected, rtol=1e-4, atol=1e-4)


def test_a_scale_is_forgotten_once_it_was_used(monkeypatch):
    forgotten = []
    monkeypatch.setattr(KeptFeatures, 'forget', lambda _, index: forgotten.append(index))
    TiledMASANet(network(), 8).super_resolve(*images(16, 16, 12, 12))
    assert forgotten == [0, 1]
