"""Warping: whatever the sides and however it is cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from masasr_mm.alignment import align, warping
from masasr_mm.alignment.warping import turning, warp
from masasr_mm.images.pixels import resize

LONG = 33_000  # OpenCV's remap takes no side of 32767


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


@pytest.mark.parametrize('axis', [0, 1])
def test_a_panorama_is_aligned_with_its_reference(axis):
    noise = np.random.default_rng(0).normal(0, 1, (48, LONG, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    scene = np.clip(smooth / smooth.std() * 50 + 128, 0, 255).astype(np.uint8)
    shifted = scene[:, 98:]  # not by whole pixels of the photo
    lq = resize(scene[:, :32_800], 8200, 12)
    given = (np.ascontiguousarray(np.moveaxis(image, 1, axis)) for image in (lq, shifted))
    done, [warped, _] = align(*given, 4)
    assert done.by == 'key points'
    warped = np.moveaxis(warped, axis, 1)
    assert warped.shape == (48, 32_800, 3)
    difference = np.abs(warped[8:-8, 400:-400].astype(int) - scene[8:-8, 400:32_400])
    assert difference.mean() < 5


def test_where_opencv_fails_the_reference_is_left_and_the_line_says_so(monkeypatch):
    remap = cv2.remap

    def fail(image, *arguments, **options):
        return remap(np.zeros((1, LONG, 3), np.uint8), *arguments, **options)

    scene = data.coffee()[:240, :320]
    lq = resize(scene, 80, 60)
    monkeypatch.setattr(cv2, 'remap', fail)
    done, [image] = align(lq, scene, 4)
    assert image is scene
    assert done.by == 'failed'
    assert done.in_words().startswith(
        'reference not aligned: OpenCV fails with dst.cols < SHRT_MAX'
    )
    assert done.parts[0].size == scene.shape[:2]
