"""Warping is exact where pixels stay whole, whatever the sides and however it is cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from masasr_mm.alignment import align, warping
from masasr_mm.alignment.warping import turning, warp

LONG = 33_000  # OpenCV's remap takes no side of 32767


@pytest.fixture(scope='module')
def strip() -> np.ndarray:
    """A panorama, 16 high, with detail that never repeats."""
    noise = np.random.default_rng(0).integers(0, 256, (16, LONG, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1)


@pytest.mark.parametrize('axis', [0, 1])
def test_long_sides(strip, axis):
    image = np.ascontiguousarray(np.moveaxis(strip, 1, axis))
    size = image.shape[:2]
    np.testing.assert_array_equal(warp(image, np.eye(3), size), image)
    shift = np.eye(3)
    shift[1 - axis, 2] = -40
    moved = np.zeros((*(length // 4 for length in size), 2))
    moved[..., 1 - axis] = 3
    expected = np.moveaxis(image, axis, 0)[43:-100]
    have = np.moveaxis(warp(image, shift, size, moved), axis, 0)
    np.testing.assert_array_equal(have[: len(expected)], expected)


@pytest.mark.parametrize('tilt', [0, 4e-4])
def test_how_it_is_cut_does_not_matter(monkeypatch, tilt):
    """Also where places are sampled more than once and reduced (two samples a pixel)."""
    matrix = turning(1 / 2.2, 0.3)
    matrix[2, 0] = tilt
    matrix[:2, 2] = -20, 30
    moved = np.random.default_rng(0).normal(0, 3, (50, 61, 2))
    whole = warp(data.coffee(), matrix, (200, 244), moved)
    monkeypatch.setattr(warping, 'ROWS_AT_ONCE', 32)
    monkeypatch.setattr(warping, 'COLUMNS_AT_ONCE', 50)
    cut = warp(data.coffee(), matrix, (200, 244), moved)
    difference = np.abs(cut.astype(int) - whole)
    # OpenCV rounds places to 1/32 of a pixel, wherever an image begins.
    assert difference.max() <= 8
    assert (difference > 0).mean() < 1e-3


def test_a_panorama_is_aligned_with_its_reference():
    noise = np.random.default_rng(0).normal(0, 1, (48, LONG, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    scene = np.clip(smooth / smooth.std() * 50 + 128, 0, 255).astype(np.uint8)
    lq = warping.resize(scene[:, :32_800], 8200, 12)
    done, [warped, _] = align(lq, scene[:, 98:], 4)  # not by whole pixels of the photo
    assert done.by == 'key points'
    assert warped.shape == (48, 32_800, 3)
    difference = np.abs(warped[8:-8, 400:-400].astype(int) - scene[8:-8, 400:32_400])
    assert difference.mean() < 5


def test_where_opencv_fails_the_reference_is_left_and_the_line_says_so(monkeypatch):
    remap = cv2.remap

    def fail(image, *arguments, **options):
        return remap(np.zeros((1, LONG, 3), np.uint8), *arguments, **options)

    scene = data.coffee()[:240, :320]
    lq = warping.resize(scene, 80, 60)
    monkeypatch.setattr(cv2, 'remap', fail)
    done, [image] = align(lq, scene, 4)
    assert image is scene
    assert done.by == 'failed'
    assert done.in_words().startswith(
        'reference not aligned: OpenCV fails with dst.cols < SHRT_MAX'
    )
    assert done.parts[0].size == scene.shape[:2]
