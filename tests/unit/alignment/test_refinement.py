"""Displacements of a scene with a near and a far plane, which are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.alignment.refinement import displacements

SCALE = 4
NEAR = (slice(80, 180), slice(100, 220))


@pytest.fixture(scope='module')
def planes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo, another of it, and by how many pixels each place has moved to the right."""
    scene = np.array(Image.fromarray(data.coffee()).resize((320, 240), Image.Resampling.LANCZOS))
    near = np.array(Image.fromarray(data.astronaut()).resize((320, 240), Image.Resampling.LANCZOS))
    photo, other = scene.copy(), np.roll(scene, 4, axis=1)
    photo[NEAR] = near[NEAR]
    rows, columns = NEAR
    other[rows, columns.start + 10 : columns.stop + 10] = near[NEAR]
    moved = np.full(scene.shape[:2], 4.0)
    moved[NEAR] = 10
    rng = np.random.default_rng(0)
    noisy = np.clip(other + rng.normal(0, 6, other.shape), 0, 255).astype(np.uint8)
    return photo, noisy, moved


def test_no_place_is_torn_from_its_surroundings(planes):
    photo, other, moved = planes
    size = (photo.shape[1] // SCALE, photo.shape[0] // SCALE)
    lq = np.array(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
    found = displacements(lq, other)
    truth = moved[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE] / SCALE
    error = np.hypot(found[..., 0] - truth, found[..., 1])
    assert np.quantile(error, 0.5) < 0.03
    # The rest lies along the edges of the near plane, which hide what is behind them.
    assert np.quantile(error, 0.95) < 0.5


@pytest.mark.parametrize('height', [*range(1, 6), 8])
def test_tiny_photos(height):
    for width in (1, 3, 5, 9, 24):
        lq = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
        aligned = np.array(Image.fromarray(lq).resize((width * 4, height * 4)))
        found = displacements(lq, aligned)
        assert found.shape == (height, width, 2)
        assert np.isfinite(found).all()
