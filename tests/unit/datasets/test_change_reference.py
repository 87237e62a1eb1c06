"""Changes of a reference against plain computations."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from mmagic.registry import TRANSFORMS
from scipy.ndimage import gaussian_filter
from skimage import data

IMAGE = data.astronaut()[60:140, 180:260]


def changed(change: str, strength: float, image: np.ndarray = IMAGE) -> np.ndarray:
    transform = TRANSFORMS.build(dict(type='ChangeReference', change=change, strength=strength))
    return transform(dict(ref=image))['ref']


@pytest.mark.parametrize('factor', [0.4, 1.4])
def test_luminance(factor):
    expected = np.clip(IMAGE * factor, 0, 255)
    assert np.abs(changed('luminance', factor) - expected).max() <= 1


def test_blur():
    # OpenCV cuts the Gaussian of an 8-bit image at three deviations.
    expected = gaussian_filter(IMAGE.astype(float), (2, 2, 0), mode='nearest', truncate=3)
    assert np.abs(changed('blur', 2.0) - expected).max() <= 1


@pytest.mark.parametrize('degrees', [-90.0, 30.0, 180.0])
def test_color(degrees):
    found = changed('color', degrees)
    for row, column in np.random.default_rng(0).integers(0, 80, (200, 2)):
        hue, saturation, value = colorsys.rgb_to_hsv(*(IMAGE[row, column] / 255))
        turned = colorsys.hsv_to_rgb((hue + degrees / 360) % 1, saturation, value)
        # Hue and saturation have 8 bits there, a step of which is worth up to 6 levels.
        assert np.abs(found[row, column] - np.multiply(turned, 255)).max() <= 8
    assert np.abs(found.astype(int) - IMAGE).max() > 40
