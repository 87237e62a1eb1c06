"""What belongs to a photo besides RGB survives."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from masasr_mm.errors import UserError
from masasr_mm.images.io import FORMATS, Photo, read_photo, super_resolved, write_photo

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
ROTATED = Image.Exif()
ROTATED[0x112] = 6


@pytest.fixture(scope='module')
def rgb() -> Image.Image:
    return Image.fromarray(data.coffee()[100:119, 200:231])


@pytest.fixture(scope='module')
def alpha() -> Image.Image:
    rows, columns = np.mgrid[:19, :31]
    return Image.fromarray(np.uint8(np.clip(8 * rows + 4 * columns, 0, 255)))


def with_alpha(image, alpha):
    image = image.copy()
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize('name', ['a.png', 'a.webp', 'a.tif', 'a.tga'])
def test_alpha_is_read(name, rgb, alpha, tmp_path):
    options = dict(lossless=True, exact=True) if name == 'a.webp' else {}
    with_alpha(rgb, alpha).save(tmp_path / name, **options)
    photo = read_photo(tmp_path / name)
    np.testing.assert_array_equal(photo.alpha, np.asarray(alpha))
    np.testing.assert_array_equal(photo.rgb, np.asarray(rgb))
    assert not photo.grey


def test_grey_with_alpha_is_read(rgb, alpha, tmp_path):
    with_alpha(rgb.convert('L'), alpha).save(tmp_path / 'a.png')
    photo = read_photo(tmp_path / 'a.png')
    assert photo.grey
    np.testing.assert_array_equal(photo.alpha, np.asarray(alpha))
    np.testing.assert_array_equal(photo.rgb[..., 2], np.asarray(rgb.convert('L')))


def test_a_key_colour_is_alpha(rgb, tmp_path):
    palette = rgb.quantize(8)
    palette.save(tmp_path / 'a.png', transparency=3)
    expected = np.where(np.asarray(palette) == 3, 0, 255)
    np.testing.assert_array_equal(read_photo(tmp_path / 'a.png').alpha, expected)


def test_sixteen_bits_with_alpha(rgb, alpha, tmp_path):
    deep = np.asarray(with_alpha(rgb, alpha)).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / 'a.png'), cv2.cvtColor(deep, cv2.COLOR_RGBA2BGRA))
    photo = read_photo(tmp_path / 'a.png')
    np.testing.assert_array_equal(photo.alpha, deep[..., 3])
    np.testing.assert_array_equal(photo.rgb, deep[..., :3])


@pytest.mark.parametrize('name', ['a.png', 'a.tif'])
def test_pixels_and_alpha_are_turned_upright(name, rgb, alpha, tmp_path):
    lying = with_alpha(rgb, alpha).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / name, exif=ROTATED)
    photo = read_photo(tmp_path / name)
    np.testing.assert_array_equal(photo.rgb, np.asarray(rgb))
    np.testing.assert_array_equal(photo.alpha, np.asarray(alpha))


def test_most_files_have_no_alpha(rgb, tmp_path):
    for name in ('a.png', 'a.jpg', 'a.gif', 'a.bmp'):
        rgb.save(tmp_path / name)
        assert read_photo(tmp_path / name).alpha is None


def test_the_profile_goes_with_the_pixels_it_is_for(rgb, tmp_path):
    rgb.save(tmp_path / 'a.png', icc_profile=SRGB)
    photo = read_photo(tmp_path / 'a.png')
    assert photo.icc_profile == SRGB
    for kind in FORMATS:
        path = tmp_path / f'b.{kind}'
        write_photo(photo, path, kind)
        with Image.open(path) as image:
            assert image.info['icc_profile'] == SRGB
    rgb.convert('CMYK').save(tmp_path / 'c.jpg', icc_profile=SRGB[:16] + b'CMYK' + SRGB[20:])
    assert read_photo(tmp_path / 'c.jpg').icc_profile is None


def test_the_new_size_takes_the_rest_along(rgb, alpha, tmp_path):
    with_alpha(rgb, alpha).save(tmp_path / 'a.png', icc_profile=SRGB)
    photo = read_photo(tmp_path / 'a.png')
    larger = super_resolved(photo, np.zeros((76, 124, 3), np.uint8))
    expected = alpha.resize((124, 76), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(larger.alpha, np.asarray(expected))
    assert larger.icc_profile == SRGB
    assert not larger.rgb.any()


@pytest.mark.parametrize('kind', ['png', 'webp', 'tiff'])
def test_alpha_and_pixels_are_written(kind, rgb, alpha, tmp_path):
    photo = Photo(np.asarray(rgb), np.asarray(alpha), None, grey=False)
    write_photo(photo, tmp_path / 'new' / 'a', kind, quality=100)
    with Image.open(tmp_path / 'new' / 'a') as image:
        assert image.format == FORMATS[kind]
        written = np.asarray(image.convert('RGBA')).astype(int)
    np.testing.assert_array_equal(written[..., 3], np.asarray(alpha))
    error = np.abs(written[..., :3] - np.asarray(rgb))[written[..., 3] > 128]
    assert error.mean() < (4 if kind == 'webp' else 1e-9)


def test_jpeg_shows_white_where_the_photo_is_transparent(rgb, tmp_path):
    alpha = np.zeros((19, 31), np.uint8)
    alpha[:, :16] = 255
    write_photo(Photo(np.asarray(rgb), alpha, None, grey=False), tmp_path / 'a.jpg', 'jpg')
    with Image.open(tmp_path / 'a.jpg') as image:
        written = np.asarray(image)
    assert written[:, 24:].min() > 250
    assert np.abs(written[:, :12].astype(int) - np.asarray(rgb)[:, :12]).mean() < 4


def test_grey_stays_grey(rgb, alpha, tmp_path):
    for kind in FORMATS:
        photo = Photo(np.asarray(rgb), None, None, grey=True)
        write_photo(photo, tmp_path / 'a', kind)
        with Image.open(tmp_path / 'a') as image:
            pixels = np.asarray(image.convert('RGB')).astype(int)
        assert np.ptp(pixels, axis=2).max() <= (2 if kind == 'webp' else 0)
        assert np.abs(pixels[..., 0] - np.asarray(rgb.convert('L'))).mean() < 2
    write_photo(photo._replace(alpha=np.asarray(alpha)), tmp_path / 'a', 'png')
    with Image.open(tmp_path / 'a') as image:
        assert image.mode == 'LA'


def test_quality_is_that_of_the_encoder(tmp_path):
    photo = Photo(data.coffee()[:200, :200], None, None, grey=False)
    for kind in ('jpg', 'webp'):
        sizes = []
        for quality in (10, 60, 100):
            write_photo(photo, tmp_path / 'a', kind, quality)
            sizes.append((tmp_path / 'a').stat().st_size)
        assert 3 * sizes[0] < 2 * sizes[1] < sizes[2]


def test_what_a_format_cannot_hold_leaves_no_file(tmp_path):
    photo = Photo(np.zeros((1, 20000, 3), np.uint8), None, None, grey=False)
    with pytest.raises(UserError, match=r'cannot write .*a\.webp'):
        write_photo(photo, tmp_path / 'a.webp', 'webp')
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_named(rgb, tmp_path):
    rgb.save(tmp_path / 'a.png')
    content = (tmp_path / 'a.png').read_bytes()
    (tmp_path / 'a.png').write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r'a\.png'):
        read_photo(tmp_path / 'a.png')
