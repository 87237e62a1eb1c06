"""Key points: those that look alike are never matched, and memory stays bounded."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from skimage import data

from masasr_mm.alignment import align
from masasr_mm.alignment.keypoints import MOST_KEY_POINTS, KeyPoints, detect, match

MOST_MEMORY = 200e6  # bytes; the product of all descriptors is 64 of them


def described(descriptor: np.ndarray) -> KeyPoints:
    """Key points of which matching looks at the descriptors alone."""
    descriptor = descriptor / np.linalg.norm(descriptor, axis=1, keepdims=True)
    none = np.zeros(len(descriptor), np.float32)
    return KeyPoints(np.zeros((len(descriptor), 2), np.float32), none, none, descriptor)


@pytest.fixture
def distinct() -> np.ndarray:
    return np.eye(128, dtype=np.float32)[:40]


def dots(size: int, period: int) -> np.ndarray:
    y, x = (np.mgrid[:size, :size] % period - period / 2 + 0.5) / period
    return np.where(x**2 + y**2 < 0.1, 220, 30).astype(np.uint8)[..., None].repeat(3, axis=2)


def checkerboard(size: int, period: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] // period
    return ((y + x) % 2 * 200 + 20).astype(np.uint8)[..., None].repeat(3, axis=2)


STRIPES = checkerboard(96, 8)[:1].repeat(96, axis=0), checkerboard(384, 32)[:1].repeat(384, axis=0)
PATTERNS = {
    'polka dots': (dots(192, 8), dots(768, 32)),
    'polka dots of one size': (dots(96, 8), dots(384, 8)),
    'checkerboard': (checkerboard(96, 8), checkerboard(384, 8)),
    'stripes': STRIPES,
    'flat': (np.full((96, 96, 3), 90, np.uint8), np.full((384, 384, 3), 90, np.uint8)),
}


@pytest.mark.parametrize(('lq', 'ref'), PATTERNS.values(), ids=PATTERNS.keys())
def test_repeated_patterns_are_not_aligned_and_take_little_memory(lq, ref):
    tracemalloc.start()
    done, images = align(lq, ref, 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_MEMORY
    assert done.by == 'nothing'
    assert images[0] is ref


def test_only_the_corners_of_a_checkerboard_are_matched():
    """They are no repetition: the reference shows the same piece of it."""
    done, _ = align(checkerboard(96, 8), checkerboard(384, 32), 4)
    assert done.matches <= 64
    if done.by == 'key points':
        np.testing.assert_allclose(done.parts[0].matrix, np.eye(3), atol=0.01)


def test_no_more_key_points_than_the_limit_where_all_have_one_contrast():
    assert len(detect(dots(768, 8)).position) == MOST_KEY_POINTS


@pytest.mark.parametrize('size', [(1, 1), (1, 20_000), (20_000, 1), (3, 50_000)])
def test_thin_images(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for enlarge in (1, 4):
        assert np.isfinite(detect(image, enlarge).position).all()


def test_distinct_key_points_are_matched_in_any_order(distinct):
    order = np.random.default_rng(0).permutation(len(distinct))
    pairs = match(described(distinct), described(distinct[order]))
    np.testing.assert_array_equal(np.sort(pairs[:, 0]), np.arange(len(distinct)))
    np.testing.assert_array_equal(order[pairs[:, 1]], pairs[:, 0])


def test_what_has_a_double_in_either_image_is_no_match(distinct):
    once, twice = described(distinct), described(np.concatenate([distinct, distinct[:10]]))
    for first, second in ((once, twice), (twice, once)):
        pairs = match(first, second)
        np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
        np.testing.assert_array_equal(np.sort(pairs[:, 0]), np.arange(10, len(distinct)))


def test_the_second_nearest_counts_for_the_ratio(distinct):
    """A near double is nearly as good as the match, so that neither is one."""
    axes = np.eye(128, dtype=np.float32)
    photo = distinct + 0.3 * axes[40:80]
    near = distinct[:10] + 0.15 * axes[80:90]
    pairs = match(described(photo), described(np.concatenate([distinct, near])))
    np.testing.assert_array_equal(np.sort(pairs[:, 0]), np.arange(10, len(distinct)))


def test_thousands_of_equal_descriptors_take_little_memory():
    equal = described(np.ones((MOST_KEY_POINTS, 128), np.float32))
    tracemalloc.start()
    assert len(match(equal, equal)) == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_MEMORY


def test_photographs_keep_their_matches():
    image = data.coffee()
    points = detect(image)
    pairs = match(points, points)
    assert len(pairs) > 0.9 * len(points.position)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
