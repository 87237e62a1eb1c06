"""Key points: those that look alike are never matched, and memory stays bounded."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from masasr_mm.alignment import KeyPointCache, align, align_all, keypoints
from masasr_mm.alignment.keypoints import MOST_KEY_POINTS, KeyPoints, detect, match


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


def stripes(size: int, period: int) -> np.ndarray:
    x = np.mgrid[:size, :size][1] // period % 2
    return (x * 200 + 20).astype(np.uint8)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize(
    ('lq', 'ref'),
    [(dots(192, 8), dots(768, 32)), (stripes(96, 8), stripes(384, 32))],
    ids=['polka dots', 'stripes'],
)
def test_repeated_patterns_are_not_aligned_and_take_little_memory(lq, ref):
    tracemalloc.start()
    done, images = align(lq, ref, 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6  # the product of all descriptors is 64 MB
    assert done.by == 'nothing'
    assert images[0] is ref


def test_no_more_key_points_than_the_limit_where_all_have_one_contrast():
    assert len(detect(dots(768, 8)).position) == MOST_KEY_POINTS


@pytest.mark.parametrize('size', [(1, 1), (1, 20_000), (50_000, 3)])
def test_thin_images(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert np.isfinite(detect(image, 4).position).all()


def test_what_has_a_double_in_either_image_is_no_match(distinct):
    once, twice = described(distinct), described(np.concatenate([distinct, distinct[:10]]))
    for first, second in ((once, twice), (twice, once)):
        pairs = match(first, second)
        np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])
        np.testing.assert_array_equal(np.sort(pairs[:, 0]), np.arange(10, len(distinct)))


def test_the_second_nearest_counts_for_the_ratio(distinct):
    """A near double is nearly as good as the match, so that neither is one; in any order."""
    axes = np.eye(128, dtype=np.float32)
    photo = distinct + 0.3 * axes[40:80]
    near = distinct[:10] + 0.15 * axes[80:90]
    order = np.random.default_rng(0).permutation(len(distinct))
    pairs = match(described(photo), described(np.concatenate([distinct[order], near])))
    np.testing.assert_array_equal(order[pairs[:, 1]], pairs[:, 0])
    np.testing.assert_array_equal(np.sort(pairs[:, 0]), np.arange(10, len(distinct)))


def test_key_points_of_a_reference_are_found_once_for_a_folder_of_photos(monkeypatch):
    cache, first, second = KeyPointCache(), dots(64, 32), stripes(64, 8)
    lq, looked = np.zeros((16, 16, 3), np.uint8), []
    monkeypatch.setattr(
        keypoints, 'detect', lambda image, *_: (looked.append(image), detect(image))[1]
    )
    changed = first.copy()
    changed[0, 0] = 0
    for references, times in (([first], 1), ([second, first.copy()], 1), ([changed], 1)):
        looked.clear()
        align_all(lq, references, 4, cache)
        assert sum(image is not lq for image in looked) == times
