"""Displacements of a scene with a near and a far plane, which are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.alignment.refinement import displacements

SCALE = 4
NEAR = (slice(80, 180), slice(100, 220))


def test_no_place_is_torn_from_its_surroundings():
    scene, near = (
        np.array(Image.fromarray(image).resize((320, 240), Image.Resampling.LANCZOS))
        for image in (data.coffee(), data.astronaut())
    )
    photo, other, moved = scene.copy(), np.roll(scene, 4, axis=1), np.full((240, 320), 4.0)
    rows, columns = NEAR
    photo[NEAR], moved[NEAR] = near[NEAR], 10
    other[rows, columns.start + 10 : columns.stop + 10] = near[NEAR]
    noise = np.random.default_rng(0).normal(0, 6, other.shape)
    lq = np.array(Image.fromarray(photo).resize((80, 60), Image.Resampling.BICUBIC))
    found = displacements(lq, np.clip(other + noise, 0, 255).astype(np.uint8))
    truth = moved[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE] / SCALE
    error = np.hypot(found[..., 0] - truth, found[..., 1])
    assert np.quantile(error, 0.5) < 0.03
    # The rest lies along the edges of the near plane, which hide what is behind them.
    assert np.quantile(error, 0.95) < 0.5


@pytest.mark.parametrize('size', [(1, 24), (3, 3), (5, 9), (8, 5)])
def test_tiny_photos(size):
    lq = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    found = displacements(lq, lq.repeat(SCALE, axis=0).repeat(SCALE, axis=1))
    assert found.shape == (*size, 2)
    assert np.isfinite(found).all()
