"""Images of every kind as 8-bit RGB."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.errors import UserError
from masasr_mm.images.io import read_rgb


@pytest.fixture(scope='module')
def pixels() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[100:121, 200:233])


def test_rgb_comes_as_it_is(pixels, tmp_path):
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    for image in (pixels, Image.fromarray(pixels), tmp_path / 'a.png', str(tmp_path / 'a.png')):
        np.testing.assert_array_equal(read_rgb(image), pixels)


def test_grey_becomes_three_equal_channels(pixels):
    grey = pixels[..., 1]
    expected = np.stack([grey] * 3, axis=-1)
    for image in (grey, grey[..., None], Image.fromarray(grey)):
        np.testing.assert_array_equal(read_rgb(image), expected)


def test_alpha_is_dropped(pixels):
    alpha = np.arange(21 * 33, dtype=np.uint8).reshape(21, 33, 1)
    rgba = np.concatenate([pixels, alpha], axis=2)
    for image in (rgba, Image.fromarray(rgba)):
        np.testing.assert_array_equal(read_rgb(image), pixels)


def test_sixteen_bits_are_scaled(pixels, tmp_path):
    deep = pixels.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / 'a.png'), deep[..., ::-1])
    for image in (deep, tmp_path / 'a.png'):
        np.testing.assert_array_equal(read_rgb(image), pixels)
    grey = Image.fromarray(deep[..., 0])
    assert grey.mode == 'I;16'
    np.testing.assert_array_equal(read_rgb(grey), np.stack([pixels[..., 0]] * 3, axis=-1))


def test_a_pillow_image_is_turned_upright(pixels):
    exif = Image.Exif()
    exif[0x112] = 6  # to be turned by 90° clockwise
    image = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
    image.getexif().update(exif)
    np.testing.assert_array_equal(read_rgb(image), pixels)


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((4, 4, 3)),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        Image.new('F', (4, 4)),
        None,
        7,
    ],
)
def test_what_is_no_image_is_told(image):
    with pytest.raises(UserError) as error:
        read_rgb(image)
    assert '\n' not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r'image not found: .*missing\.png'):
        read_rgb(tmp_path / 'missing.png')
    with pytest.raises(UserError, match='image not found'):
        read_rgb(tmp_path)
