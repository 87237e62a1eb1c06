"""Changes of a reference against plain computations."""

from __future__ import annotations

import colorsys
import itertools

import numpy as np
import pytest
from mmagic.registry import TRANSFORMS
from scipy.ndimage import gaussian_filter
from skimage import data

from masasr_mm.datasets.transforms import ChangeReference
from masasr_mm.errors import UserError

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


STRENGTHS = dict(
    luminance=[(1.0, 1.2, 1.6), (1.0, 0.8, 0.4)],
    color=[(0.0, 30.0, 90.0, 180.0), (0.0, -30.0, -90.0)],
    blur=[(0.0, 1.0, 2.0, 8.0)],
)


@pytest.mark.parametrize('name', STRENGTHS)
def test_every_strength_changes_more_than_the_one_before(name):
    """The neutral one nothing, and it leaves the array alone."""
    for strengths in STRENGTHS[name]:
        assert strengths[0] == ChangeReference.NEUTRAL[name]
        found = changed(name, strengths[0])
        np.testing.assert_array_equal(found, IMAGE)
        assert found is not IMAGE
        differences = [np.abs(changed(name, s).astype(int) - IMAGE).mean() for s in strengths]
        assert all(before < after for before, after in itertools.pairwise(differences))


def test_all_of_several_references_change():
    transform = TRANSFORMS.build(dict(type='ChangeReference', change='blur', strength=1.0))
    found = transform(dict(ref=[IMAGE, IMAGE[::-1]]))['ref']
    np.testing.assert_array_equal(found[0], changed('blur', 1.0))
    np.testing.assert_array_equal(found[1], changed('blur', 1.0)[::-1])


def test_an_unknown_change():
    with pytest.raises(UserError, match="'noise' is not one of luminance, color, blur"):
        changed('noise', 1.0)
