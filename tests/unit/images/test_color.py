"""Colours by their definitions: sRGB, Display P3, gamma and Lab written out with NumPy."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from masasr_mm.images.color import CURVES, PRIMARIES, make_profile, png_color_chunks
from masasr_mm.images.io import Photo, fitted, read_photo, write_photo
from tests.image_files import cmyk_profile, encode, encode_png16, png_chunk

RGB = np.random.default_rng(0).integers(64, 192, (12, 16, 3), np.uint8)
P3 = make_profile(PRIMARIES[12], CURVES[13], grey=False)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
#: Linear Display P3 to linear sRGB.
P3_TO_SRGB = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])


def linear(rgb):
    value = rgb / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb(value):
    value = np.clip(value, 1e-9, 1)
    return 255 * np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)


LINEAR = (b'gAMA', struct.pack('>I', 100_000))
P3_CODE = (b'cICP', bytes([12, 13, 0, 1]))


def test_a_reference_comes_into_the_colours_of_the_photo():
    photo, tagged = Photo(RGB), Photo(RGB, icc_profile=P3)
    expected = srgb(linear(RGB) @ P3_TO_SRGB.T)
    assert np.abs(tagged.in_colors_of(photo) - expected).max() <= 1.5
    expected = srgb(linear(RGB) @ np.linalg.inv(P3_TO_SRGB).T)
    assert np.abs(photo.in_colors_of(tagged) - expected).max() <= 1.5
    for same in (photo, Photo(RGB, icc_profile=SRGB)):
        assert same.in_colors_of(photo) is RGB  # so that what is known of it can be kept
        assert tagged.in_colors_of(tagged) is RGB


@pytest.fixture
def read(tmp_path):
    """Reads a photo of a PNG file that says something of its colours."""

    def read(chunk: tuple[bytes, bytes], pixels: np.ndarray = RGB) -> Photo:
        if pixels.dtype == np.uint16:
            content = encode_png16(pixels, png_chunk(*chunk))
        else:
            content = encode(pixels)
            content = content[:33] + png_chunk(*chunk) + content[33:]  # behind the header
        (tmp_path / 'a.png').write_bytes(content)
        return read_photo(tmp_path / 'a.png')

    return read


@pytest.mark.parametrize('chunk', [LINEAR, P3_CODE])
@pytest.mark.parametrize('pixels', [RGB, RGB.astype(np.uint16) * 257])
def test_what_a_png_file_says_of_its_colours_is_kept(chunk, pixels, read, tmp_path):
    """In PNG as it is, in other formats as a profile by which the colours are the same."""
    photo = read(chunk, pixels)
    value = RGB / 255 if chunk is LINEAR else linear(RGB) @ P3_TO_SRGB.T
    assert np.abs(photo.in_colors_of(Photo(RGB)) - srgb(value)).max() <= 1.5
    write_photo(photo, tmp_path / 'b.png', 'png')
    assert png_color_chunks((tmp_path / 'b.png').read_bytes()) == dict([chunk])
    np.testing.assert_array_equal(read_photo(tmp_path / 'b.png').rgb, photo.rgb)
    for kind in ('tiff', 'webp'):
        write_photo(photo, tmp_path / 'b', kind, quality='lossless')
        have = read_photo(tmp_path / 'b')
        assert np.abs(have.in_colors_of(Photo(RGB)) - srgb(value)).max() <= 1.5


def test_grey_with_a_gamma_gets_a_grey_profile(read, tmp_path):
    write_photo(read(LINEAR, RGB[..., 0]), tmp_path / 'b.jpg', 'jpg', quality=100)
    with Image.open(tmp_path / 'b.jpg') as image:
        profiles = io.BytesIO(image.info['icc_profile']), ImageCms.createProfile('sRGB')
        shown = ImageCms.profileToProfile(image, *profiles, outputMode='RGB')
    assert np.abs(np.asarray(shown)[..., 1] - srgb(RGB[..., 0] / 255)).max() <= 3


@pytest.mark.parametrize(
    'chunk',
    [(b'sRGB', b'\0'), (b'gAMA', struct.pack('>I', 45455)), (b'cICP', bytes([1, 13, 0, 1]))],
)
def test_srgb_needs_no_profile(chunk, read):
    photo = read(chunk)
    assert (photo.icc_profile, photo.png_color) == (None, dict([chunk]))


def test_hdr_fits_into_png_alone(read):
    photo = read((b'cICP', bytes([9, 16, 0, 1])))
    assert not fitted(photo, 'png').warnings
    assert 'HDR' in fitted(photo, 'jpg').warnings[0]


def test_cmyk_is_converted_by_its_profile(tmp_path):
    """Of full inks, whose Lab colours the profile holds; without one it is a guess."""
    nodes = np.random.default_rng(1).integers((90, 100, 100), (200, 156, 156), (2, 2, 2, 2, 3))
    nodes[0, 0, 0, 0] = 255, 128, 128  # paper, which is white
    inks = np.random.default_rng(2).integers(0, 2, (6, 8, 4))
    image = Image.fromarray(np.uint8(inks * 255), 'CMYK')
    lab = nodes[tuple(inks[..., index] for index in range(4))] - np.array([0, 128, 128])
    lab = np.float32(lab * [100 / 255, 1, 1])
    expected = 255 * _from_lab(lab)
    for name, options in (('a.tif', {}), ('a.jpg', dict(quality=100, subsampling=0))):
        image.resize((64, 48), 0).save(tmp_path / name, icc_profile=cmyk_profile(nodes), **options)
        photo = read_photo(tmp_path / name)
        have = photo.rgb[4::8, 4::8].astype(float)
        assert np.abs(have - expected).mean() < (4 if name == 'a.jpg' else 1)
        assert (photo.warnings, photo.icc_profile) == ((), None)
        image.save(tmp_path / name)
        [warning] = read_photo(tmp_path / name).warnings
        assert 'CMYK colours without a profile' in warning


def _from_lab(lab: np.ndarray) -> np.ndarray:
    """sRGB of CIE Lab under D50, by Bradford to D65."""
    lightness, a, b = np.split(lab, 3, axis=-1)
    f = (lightness + 16) / 116 + np.concatenate([a / 500, 0 * a, -b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1, 0.8249]
    to_rgb = np.array(
        [[3.1339, -1.6169, -0.4906], [-0.9788, 1.9161, 0.0335], [0.0719, -0.2290, 1.4052]]
    )
    return srgb(xyz @ to_rgb.T) / 255


def test_a_broken_profile_is_told(tmp_path):
    broken = SRGB[:128] + b'\xff' * 200
    Image.fromarray(RGB).save(tmp_path / 'a.png', icc_profile=broken)
    photo = read_photo(tmp_path / 'a.png')
    assert photo.icc_profile is None
    assert 'broken colour profile' in photo.warnings[0]
