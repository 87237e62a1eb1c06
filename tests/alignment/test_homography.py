"""Homographies from matches that hardly tell one."""

from __future__ import annotations

import numpy as np
import pytest

from masasr_mm.alignment.homography import estimate
from masasr_mm.alignment.keypoints import KeyPoints

SIZE = (240, 320)


def key_points(position: np.ndarray, size: float = 8) -> KeyPoints:
    count = len(position)
    return KeyPoints(
        position.astype(np.float32),
        np.full(count, size, np.float32),
        np.zeros(count, np.float32),
        np.zeros((count, 128), np.float32),
    )


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('radius', [0, 0.3, 1])
@pytest.mark.parametrize('count', [8, 10, 16, 40])
def test_matches_in_one_place_tell_nothing(count, radius):
    """One thing may have many key points, of several sizes; no scale can be had from them."""
    around = np.random.default_rng(0).uniform(-radius, radius, (2, count, 2)) + (100, 80)
    fit, _ = estimate(*map(key_points, around), SIZE, SIZE, 4)
    assert fit is None


@pytest.mark.parametrize('count', [8, 16])
def test_few_matches_all_over_tell_where_a_reference_lies(count):
    position = np.random.default_rng(0).uniform(20, 220, (count, 2))
    ref = key_points(position / 2 + (7, -3), 4)
    fit, matches = estimate(key_points(position), ref, SIZE, SIZE, 4)
    assert matches == count
    np.testing.assert_allclose(fit.similarity, [[2, 0, -14], [0, 2, 6], [0, 0, 1]], atol=1e-3)
