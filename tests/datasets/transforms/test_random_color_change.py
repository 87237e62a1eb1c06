"""RandomColorChange."""

from __future__ import annotations

import numpy as np
import pytest
from mmagic.registry import TRANSFORMS

from masasr_mm.datasets.transforms import RandomColorChange

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)


def formula(pixels: np.ndarray, factor: float, offset: float) -> np.ndarray:
    exact = np.abs(factor * pixels.astype(np.float64) + offset)
    return np.clip(np.rint(exact), 0, 255)


@pytest.mark.parametrize(('factor', 'offset'), [(1.3, 20), (0.7, -20), (1, 0), (0.9, 7.25)])
def test_formula(factor, offset):
    change = RandomColorChange(contrast=(factor, factor), brightness=(offset, offset))
    results = change(dict(gt=RAMP.copy(), ref=RAMP.copy()))
    changed = [key for key in ('gt', 'ref') if not np.array_equal(results[key], RAMP)]
    assert len(changed) == (0 if (factor, offset) == (1, 0) else 1)
    for key in changed:
        assert results[key].dtype == np.uint8
        # OpenCV computes in single precision: a half may round to either side.
        difference = np.abs(results[key] - formula(RAMP, factor, offset))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.05


def test_dark_pixels_are_reflected_as_in_the_released_code():
    change = RandomColorChange(contrast=(1, 1), brightness=(-20, -20))
    results = change(dict(gt=RAMP, ref=RAMP))
    changed = min(results['gt'], results['ref'], key=lambda image: image[-1, -1, -1])
    assert changed.reshape(-1, 3)[:41, 0].tolist() == [*range(20, 0, -1), *range(21)]


def test_ranges_of_the_defaults():
    change = TRANSFORMS.build(dict(type='RandomColorChange'))
    np.random.seed(0)
    key_counts, factors, offsets = [], [], []
    x = np.array([60, 140], np.uint8).reshape(1, 2, 1).repeat(3, axis=2)
    for _ in range(2000):
        results = change(dict(gt=x, ref=x))
        in_gt = not np.array_equal(results['gt'], x)
        assert not (in_gt and not np.array_equal(results['ref'], x)), 'both changed'
        key_counts.append(in_gt)
        low, high = (results['gt'] if in_gt else results['ref'])[0, :, 0].astype(float)
        factors.append((high - low) / 80)
        offsets.append(low - 60 * factors[-1])
    assert abs(np.mean(key_counts) - 0.5) < 0.05
    # One grey level of rounding in each value is 1/80 in the factor, 60/80 + 0.5 in the offset.
    assert 0.7 - 0.0125 <= min(factors) < 0.72
    assert 1.28 < max(factors) <= 1.3 + 0.0125
    assert -20 - 1.25 <= min(offsets) < -19
    assert 19 < max(offsets) <= 20 + 1.25
    assert abs(np.mean(factors) - 1) < 0.02
    assert abs(np.mean(offsets)) < 1.2


def test_input_array_is_left_alone_and_seed_repeats():
    original = RAMP.copy()
    runs = []
    for _ in range(2):
        np.random.seed(3)
        runs.append(RandomColorChange()(dict(gt=original, ref=original)))
    np.testing.assert_array_equal(original, RAMP)
    np.testing.assert_array_equal(runs[0]['gt'], runs[1]['gt'])
    np.testing.assert_array_equal(runs[0]['ref'], runs[1]['ref'])
