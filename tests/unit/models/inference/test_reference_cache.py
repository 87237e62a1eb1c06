"""What is kept of a reference: the less of two, of what was matched alone."""

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
