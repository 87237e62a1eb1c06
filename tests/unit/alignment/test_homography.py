"""Homographies from matches that hardly tell one."""

from __future__ import annotations

import numpy as np
import pytest

from masasr_mm.alignment.homography import estimate, is_plausible
from masasr_mm.alignment.keypoints import KeyPoints
from masasr_mm.alignment.warping import seen

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
@pytest.mark.parametrize('radius', [0, 1])
def test_matches_in_one_place_tell_nothing(radius):
    """One thing may have many key points, of several sizes, and all others be turned wrongly."""
    rng = np.random.default_rng(0)
    near = rng.uniform(-radius, radius, (20, 2)) + 100
    position = np.concatenate([rng.uniform(20, 220, (20, 2)), near])
    ref, photo = key_points(position), key_points(position)
    photo.angle[:20] = np.pi
    fit, matches = estimate(photo, ref, SIZE, SIZE, 4)
    assert matches == 20
    assert fit is None


@pytest.mark.parametrize('count', [8, 16])
def test_few_matches_all_over_tell_where_a_reference_lies(count):
    position = np.random.default_rng(0).uniform(20, 220, (count, 2))
    ref = key_points(position / 2 + (7, -3), 4)
    fit, matches = estimate(key_points(position), ref, SIZE, SIZE, 4)
    assert matches == count
    np.testing.assert_allclose(fit.similarity, [[2, 0, -14], [0, 2, 6], [0, 0, 1]], atol=1e-3)


def test_how_much_of_a_large_frame_is_seen():
    """Without as many numbers as it has pixels."""
    height, width = size = 12000, 16000
    quarter = np.diag([0.5, 0.5, 1.0])
    quarter[:2, 2] = width / 3, height / 4
    assert seen(size, quarter, size) == pytest.approx(0.25, abs=0.01)
    quarter[:2, 2] = width * 0.75, 0
    assert seen(size, quarter, size) == pytest.approx(0.125, abs=0.01)


def test_a_reference_of_many_megapixels_is_plausible_where_a_small_one_is_not():
    """One that is twelve times finer than the frame, seen whole; not of so few pixels."""
    matrix = np.diag([1 / 12, 1 / 12, 1])
    assert is_plausible(matrix, (480, 640), (5760, 7680))
    assert not is_plausible(matrix, (480, 640), (2700, 3600))
