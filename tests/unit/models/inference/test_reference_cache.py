"""What is kept of a reference gives what the whole reference gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from masasr_mm.models.inference.reference_cache import (
    FeatureCache,
    TextureCache,
    bounding_boxes,
    smaller_cache,
)
from tests.small_networks import images, network


@pytest.mark.parametrize('kind', [FeatureCache, TextureCache])
@pytest.mark.parametrize('sizes', [(16, 24, 30, 52), (24, 16, 7, 9)])
@pytest.mark.parametrize('whole', [False, True])
@torch.no_grad()
def test_texture_is_that_of_the_whole_reference(kind, sizes, whole):
    net = network()
    lq, ref, ref_down = images(*sizes, n=2)
    matches = net.matching(net.encoder(lq)[0], net.encoder(ref_down)[0])
    cache = kind(net, ref, matches, 8, None if whole else net.encoder.halo)
    py, px = matches.blocks
    for index, feature in enumerate(reversed(net.encoder(ref))):
        expected = net.matching.extract(feature, matches)
        assert expected.std() > 0.01
        have = cache.texture(index, (slice(0, py), slice(0, px)))
        torch.testing.assert_close(have, expected, rtol=1e-4, atol=1e-5)
        block = 8 * 2**index
        part = cache.texture(index, (slice(1, py), slice(0, 1)))
        torch.testing.assert_close(part, expected[:, :, block:, :block], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_smaller_of_the_two_is_kept():
    net = network()
    for sizes, kind in (((16, 16, 48, 16), TextureCache), ((16, 16, 12, 12), FeatureCache)):
        lq, ref, ref_down = images(*sizes)
        matches = net.matching(net.encoder(lq)[0], net.encoder(ref_down)[0])
        assert smaller_cache(matches) is kind
        cache = kind(net, ref, matches, 16, net.encoder.halo, torch.float16)
        pixels = min(16 * 16, sizes[2] * sizes[3])
        assert [level.numel() for level in cache.levels] == [pixels * 4 * s for s in (1, 4, 16)]
        assert {level.dtype for level in cache.levels} == {torch.float16}
        cache.pop(0)
        assert [level.numel() for level in cache.levels] == [0, pixels * 16, pixels * 64]


@pytest.mark.parametrize('kind', [FeatureCache, TextureCache])
@torch.no_grad()
def test_what_was_not_matched_is_not_encoded(kind, monkeypatch):
    """All matches lie in 12 rows of 96."""
    net = network()
    lq, ref, ref_down = images(16, 24, 96, 16, n=2)
    found = net.matching(net.encoder(lq)[0], net.encoder(ref_down[:, :, 40:52])[0])
    matches = found._replace(position=found.position + 40 * 16, grid=(96, 16))
    features, encode, rows = net.encoder(ref), net.encoder.forward, []
    monkeypatch.setattr(
        net.encoder,
        'forward',
        lambda image, **options: rows.append(image.shape[2]) or encode(image, **options),
    )
    cache = kind(net, ref, matches, 32, net.encoder.halo)
    assert sum(rows) <= 4 * (12 + 2 * math.ceil(net.encoder.halo / 4))
    for index, feature in enumerate(reversed(features)):
        whole = net.matching.extract(feature, matches)
        torch.testing.assert_close(cache.pop(index), whole, rtol=1e-4, atol=1e-5)


def area(boxes, margin):
    return sum(
        (rows.stop - rows.start + 2 * margin) * (columns.stop - columns.start + 2 * margin)
        for rows, columns in boxes
    )


@pytest.mark.parametrize('margin', [0, 1, 15])
@pytest.mark.parametrize('seed', range(4))
def test_every_place_is_covered_once(margin, seed):
    random = np.random.default_rng(seed)
    marked = np.zeros((50, 70), bool)
    for _ in range(seed * 3):
        y, x = random.integers(0, 45), random.integers(0, 65)
        marked[y : y + 5, x : x + 5] = True
    covered = np.zeros(marked.shape, int)
    found = bounding_boxes(marked, margin, 99)
    for box in found:
        covered[box] += 1
    assert covered.max() == min(1, seed)
    assert (covered[marked] == 1).all()
    assert area(found, margin) <= area([(slice(0, 50), slice(0, 70))], margin)


@pytest.mark.parametrize('margin', [0, 2])
def test_a_cut_is_the_best_of_all(margin):
    """Every cut tried one by one, where one cut is all that there is."""
    marked = np.zeros((12, 9), bool)
    marked[1:4, 1:8] = marked[9:11, 2:4] = True
    whole = [(slice(1, 11), slice(1, 8))]
    two = [(slice(1, 4), slice(1, 8)), (slice(9, 11), slice(2, 4))]
    best = min((whole, two), key=lambda boxes: area(boxes, margin))
    assert sorted(bounding_boxes(marked, margin, 99), key=str) == sorted(best, key=str)


@pytest.mark.parametrize(('max_side', 'sizes'), [(20, {(20, 20)}), (16, {(10, 14), (10, 13)})])
def test_no_box_is_too_long(max_side, sizes):
    """And none is smaller than it must be."""
    found = bounding_boxes(np.ones((20, 40), bool), 5, max_side)
    assert {(rows.stop - rows.start, cols.stop - cols.start) for rows, cols in found} == sizes
    assert area(found, 0) == 20 * 40
