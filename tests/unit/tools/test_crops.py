"""Crops of one place side by side."""

from __future__ import annotations

import numpy as np

from tests.scripts import load_tool

tool = load_tool('analysis_tools/crops.py')


def test_detail_against_a_sum_over_every_place():
    image = np.random.default_rng(1).integers(0, 256, (12, 10, 3), np.uint8)
    luma = image.astype(float).mean(2)
    best, place = -1.0, None
    for top in range(12 - 4 + 1):
        for left in range(10 - 4 + 1):
            summed = 0.0
            for y in range(top, top + 4):
                for x in range(left, left + 4):
                    summed += (luma[y, x] - luma[y - 1, x]) ** 2 if y else 0
                    summed += (luma[y, x] - luma[y, x - 1]) ** 2 if x else 0
            if summed > best + 1e-6:
                best, place = summed, (top, left)
    assert tool.detailed_place(image, 4) == place


def test_every_result_and_the_hr_image_are_in_the_picture():
    colors = [(255, 0, 255), (0, 255, 255), (255, 255, 0), (0, 0, 255), (0, 255, 0), (90, 30, 10)]
    gt = np.zeros((80, 100, 3), np.uint8)
    results = {f'method {i}': np.full_like(gt, color) for i, color in enumerate(colors)}
    picture = tool.crops(gt, results, side=32)
    flat = picture.reshape(-1, 3)
    for color in colors:
        assert np.all(flat == color, axis=1).sum() >= 160 * 160
    # Six results and the HR image: two rows of crops.
    assert picture.shape[0] > 2 * 160
    assert np.any(np.all(flat == (255, 0, 0), axis=1))
