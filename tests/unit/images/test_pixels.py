"""What is done with pixels of 8 and 16 bits, and which photos are black and white."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.images.io import decode_rgb
from masasr_mm.images.pixels import in_bits, is_neutral, resize, spread_visible
from tests.image_files import encode

GREY = data.camera()[100:300, 100:300]
RGB = np.repeat(GREY[..., None], 3, axis=2)
DEEP = data.coffee()[100:140, 200:250].astype(np.uint16) * 256 + 77


def saved(rgb: np.ndarray, kind: str, **options) -> np.ndarray:
    return decode_rgb(encode(rgb.clip(0, 255).astype(np.uint8), kind, **options), 'x')


LOSS = [
    ('PNG', {}),
    *(('JPEG', dict(quality=q, subsampling=s)) for q in (50, 75, 95) for s in (0, 2)),
    ('WEBP', dict(quality=75)),
]


@pytest.mark.parametrize(('kind', 'options'), LOSS)
def test_black_and_white_stays_so_through_loss(kind, options):
    noise = np.random.default_rng(0).integers(-1, 2, RGB.shape)
    for rgb in (RGB, RGB + noise):
        assert is_neutral(saved(rgb, kind, **options))
        assert is_neutral(in_bits(saved(rgb, kind, **options), 16))


@pytest.mark.parametrize(('kind', 'options'), LOSS)
def test_one_small_coloured_thing_is_colour(kind, options):
    """A button of 8×8 pixels that is a little red, a single red pixel, and a faint tint of all."""
    spot = RGB.astype(int)
    spot[101:109, 53:61] += (20, -7, -7)
    assert not is_neutral(saved(spot, kind, **options))
    assert not is_neutral(saved(RGB + np.array([4, 0, -4]), kind, **options))
    if kind == 'PNG':
        spot = RGB.copy()
        spot[50, 51] = (200, 30, 30)
        assert not is_neutral(spot)
    assert not is_neutral(data.coffee()[:100, :100])


@pytest.mark.parametrize('kind', [Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_sixteen_bits_are_resized_as_eight_are(kind):
    large = resize(DEEP, 120, 70, kind)
    assert (large.dtype, large.shape) == (np.uint16, (70, 120, 3))
    eight = resize(in_bits(DEEP, 8), 120, 70, kind)
    assert np.abs(in_bits(large, 8).astype(int) - eight).max() <= 3
    assert len(np.unique(large)) > 2000
    assert resize(DEEP[..., 0], 120, 70, kind).shape == (70, 120)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_visible_colours_spread_into_what_is_transparent(dtype):
    """Each hidden pixel takes colours of what is nearest, and no black."""
    white = np.iinfo(dtype).max
    rgb, alpha = np.zeros((64, 80, 3), dtype), np.zeros((64, 80), dtype)
    rgb[20:40, 10:30], rgb[20:40, 50:70] = (white, 0, 0), (0, 0, white)
    alpha[20:40, 10:30] = alpha[20:40, 50:70] = white
    rgb[20, 10:30], alpha[20, 10:30] = (white, 0, 0), white // 9
    spread = spread_visible(rgb, alpha)
    assert spread.dtype == dtype
    np.testing.assert_array_equal(spread[alpha > 0], rgb[alpha > 0])
    assert spread[16:44, 6:34, 0].min() > 0.9 * white
    assert spread[16:44, 46:74, 2].min() > 0.9 * white
    assert spread.astype(int).sum(axis=2).min() > 0.9 * white
    for alpha in (None, np.full((64, 80), white), np.zeros((64, 80), dtype)):
        assert spread_visible(rgb, alpha) is rgb
