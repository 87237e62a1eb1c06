"""Changes of a reference against plain computations."""

from __future__ import annotations

import colorsys
import itertools

import numpy as np
import pytest
from mmagic.registry import TRANSFORMS
from scipy.ndimage import gaussian_filter
from skimage import data

from masasr_mm.errors import UserError
from masasr_mm.evaluation.reference_changes import CHANGES

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


@pytest.mark.parametrize('name', CHANGES)
def test_the_neutral_strength_changes_nothing(name):
    change = CHANGES[name]
    assert change.neutral in change.strengths
    assert sorted(change.strengths) == list(change.strengths)
    found = changed(name, change.neutral)
    np.testing.assert_array_equal(found, IMAGE)
    assert found is not IMAGE


@pytest.mark.parametrize('name', CHANGES)
def test_every_strength_changes_more_than_the_one_before(name):
    change = CHANGES[name]
    for side in (
        [s for s in change.strengths if s >= change.neutral],
        [s for s in change.strengths if s <= change.neutral][::-1],
    ):
        differences = [np.abs(changed(name, s).astype(int) - IMAGE).mean() for s in side]
        assert all(before < after for before, after in itertools.pairwise(differences))
    assert change.strongest != change.neutral


def test_all_of_several_references_change():
    transform = TRANSFORMS.build(dict(type='ChangeReference', change='blur', strength=1.0))
    found = transform(dict(ref=[IMAGE, IMAGE[::-1]]))['ref']
    np.testing.assert_array_equal(found[0], changed('blur', 1.0))
    np.testing.assert_array_equal(found[1], changed('blur', 1.0)[::-1])


def test_an_unknown_change():
    with pytest.raises(UserError, match="'noise' is not one of luminance, color, blur"):
        changed('noise', 1.0)
