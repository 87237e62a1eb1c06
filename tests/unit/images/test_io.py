"""Any image file becomes upright 8-bit RGB, or one line that names it."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from masasr_mm.errors import UserError
from masasr_mm.images.io import Header, decode_rgb, read_header
from tests.image_files import ORIENTATIONS, encode, encode_png16, exif_with_orientation, png_chunk

rng = np.random.default_rng(0)
RGB = rng.integers(0, 256, (6, 9, 3), np.uint8)
DEEP = rng.integers(0, 65536, (6, 9, 4), np.uint16)
# Where rounding, cutting and the floating point quotient could differ.
DEEP[0, :, 0] = [0, 128, 129, 256, 257, 385, 386, 65406, 65535]


def eight_bit(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels / 257.0).astype(np.uint8)


def repeat_grey(pixels: np.ndarray) -> np.ndarray:
    return np.stack([pixels] * 3, axis=2)


def tiff(tmp_path, pixels: np.ndarray, **options) -> bytes:
    tifffile.imwrite(tmp_path / 'x.tif', pixels, **options)
    return (tmp_path / 'x.tif').read_bytes()


def check(content: bytes, expected: np.ndarray) -> None:
    pixels = decode_rgb(content, 'x')
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, expected)


def test_rgb():
    check(encode(RGB), RGB)
    check(encode(RGB, 'TIFF'), RGB)
    check(encode(RGB, 'BMP'), RGB)


def test_jpeg():
    smooth = np.linspace(0, 255, 64 * 48).reshape(48, 64, 1).repeat(3, 2).astype(np.uint8)
    pixels = decode_rgb(encode(smooth, 'JPEG', quality=95), 'x.jpg')
    assert np.abs(pixels.astype(int) - smooth).max() <= 3


def test_grey():
    check(encode(RGB[..., 0]), repeat_grey(RGB[..., 0]))
    bilevel = RGB[..., 0] > 127
    check(encode(Image.fromarray(bilevel)), repeat_grey(bilevel * np.uint8(255)))


def test_alpha_is_dropped_not_composited():
    alpha = rng.integers(0, 256, (6, 9, 1), np.uint8)
    alpha[0] = 0
    check(encode(np.concatenate([RGB, alpha], 2)), RGB)
    check(encode(np.concatenate([RGB[..., :1], alpha], 2)), repeat_grey(RGB[..., 0]))


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('transparency', [None, bytes([0, 128, 255, 3])])
def test_palette(transparency):
    palette = rng.integers(0, 256, (4, 3), np.uint8)
    indices = rng.integers(0, 4, (6, 9), np.uint8)
    image = Image.frombytes('P', (9, 6), indices.tobytes())
    image.putpalette(palette.tobytes())
    options = {} if transparency is None else dict(transparency=transparency)
    check(encode(image, **options), palette[indices])


def test_cmyk():
    cmyk = Image.merge('CMYK', [Image.new('L', (4, 2), value) for value in (255, 0, 51, 0)])
    check(encode(cmyk, 'TIFF'), np.full((2, 4, 3), (0, 255, 204), np.uint8))


@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_16_bit_png(channels):
    pixels = DEEP[..., :channels]
    colour = eight_bit(pixels[..., :3]) if channels > 2 else repeat_grey(eight_bit(DEEP[..., 0]))
    check(encode_png16(pixels), colour)
    orientation = png_chunk(b'eXIf', exif_with_orientation(6))
    check(encode_png16(pixels, orientation), ORIENTATIONS[6](colour))


def test_16_bit_rounds_every_value():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    check(encode_png16(values), repeat_grey(eight_bit(values)))


@pytest.mark.parametrize('byteorder', ['<', '>'])
def test_16_bit_tiff(tmp_path, byteorder):
    rgb = DEEP[..., :3]
    check(tiff(tmp_path, rgb, photometric='rgb', byteorder=byteorder), eight_bit(rgb))
    rgba = tiff(tmp_path, DEEP, photometric='rgb', extrasamples=['unassalpha'], byteorder=byteorder)
    check(rgba, eight_bit(rgb))
    grey = tiff(tmp_path, rgb[..., 0], photometric='minisblack', byteorder=byteorder)
    check(grey, repeat_grey(eight_bit(rgb[..., 0])))


@pytest.mark.parametrize('orientation', ORIENTATIONS)
def test_orientation(tmp_path, orientation):
    turn = ORIENTATIONS[orientation]
    exif = exif_with_orientation(orientation)
    check(encode(RGB, 'PNG', exif=exif), turn(RGB))
    tag = [(274, 'H', 1, orientation, True)]
    check(tiff(tmp_path, RGB, photometric='rgb', extratags=tag), turn(RGB))
    deep = DEEP[..., :3]
    check(tiff(tmp_path, deep, photometric='rgb', extratags=tag), turn(eight_bit(deep)))
    grey = tiff(tmp_path, deep[..., 0], photometric='minisblack', extratags=tag)
    check(grey, turn(repeat_grey(eight_bit(deep[..., 0]))))


def test_orientation_of_jpeg():
    blocks = np.kron([[0, 255], [255, 255], [0, 0]], np.ones((16, 16))).astype(np.uint8)
    content = encode(blocks, 'JPEG', quality=100, exif=b'Exif\0\0' + exif_with_orientation(6))
    upright = repeat_grey(ORIENTATIONS[6](blocks))
    assert np.abs(decode_rgb(content, 'x').astype(int) - upright).max() <= 2


def test_first_frame():
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    check(encode(frames[0], 'TIFF', save_all=True, append_images=frames[1:]), RGB)


def error_of(content: bytes) -> str:
    with pytest.raises(UserError) as caught:
        decode_rgb(content, 'folder/photo.png')
    message = str(caught.value)
    assert message.startswith('folder/photo.png: ')
    assert '\n' not in message
    assert 'BytesIO' not in message
    return message


def test_empty_and_no_image():
    assert 'empty' in error_of(b'')
    assert 'not an image' in error_of(b'Once upon a time')
    assert 'cannot be read as an image' in error_of(encode(RGB)[:20])


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'TIFF', 'BMP'])
def test_truncated(kind):
    noise = rng.integers(0, 256, (64, 64, 3), np.uint8)
    content = encode(noise, kind)
    for part in (0.3, 0.7, 0.95):
        assert 'cannot be read as an image' in error_of(content[: int(len(content) * part)])


def test_truncated_16_bit(tmp_path):
    noise = rng.integers(0, 65536, (64, 64, 3), np.uint16)
    for content in (encode_png16(noise), tiff(tmp_path, noise, photometric='rgb')):
        assert 'cannot be read' in error_of(content[: int(len(content) * 0.7)])


def test_damaged_data():
    content = bytearray(encode(rng.integers(0, 256, (64, 64, 3), np.uint8)))
    content[len(content) // 2] ^= 0xFF
    assert 'cannot be read as an image' in error_of(bytes(content))


def test_decompression_bomb():
    # The header alone claims 10 gigapixels; nobody should reserve memory for it.
    header = struct.pack('>IIBBBBB', 100_000, 100_000, 8, 2, 0, 0, 0)
    content = b'\x89PNG\r\n\x1a\n' + png_chunk(b'IHDR', header) + png_chunk(b'IDAT', b'')
    assert 'decompression bomb' in error_of(content)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(['PNG', 'JPEG', 'TIFF', 'GIF', 'BMP', 'WEBP', 'PPM']),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=6),
)
def test_damaged_files_give_pixels_or_one_line(kind, changes):
    content = bytearray(encode(RGB, kind))
    for position, change in changes:
        content[position % len(content)] ^= change
    try:
        pixels = decode_rgb(bytes(content), 'damaged')
    except UserError as error:
        message = str(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        return
    assert message.startswith('damaged: ')
    assert '\n' not in message


@pytest.mark.parametrize('dtype', [np.float32, np.int32, np.int16])
@pytest.mark.parametrize('photometric', ['minisblack', 'rgb'])
def test_odd_pixels(tmp_path, dtype, photometric):
    shape = (6, 9, 3) if photometric == 'rgb' else (6, 9)
    message = error_of(tiff(tmp_path, np.ones(shape, dtype), photometric=photometric))
    assert 'pixels of the kind' in message or 'unknown format' in message


@pytest.mark.parametrize('orientation', ORIENTATIONS)
def test_heic(orientation):
    """Without loss, in RGB."""
    pillow_heif = pytest.importorskip('pillow_heif')
    buffer = io.BytesIO()
    exact = dict(quality=-1, matrix_coefficients=0, chroma=444)
    image = pillow_heif.from_pillow(Image.fromarray(RGB))
    image.save(buffer, exif=exif_with_orientation(orientation), **exact)
    assert buffer.getvalue()[4:11] == b'ftyphei'
    check(buffer.getvalue(), ORIENTATIONS[orientation](RGB))


def test_heic_without_its_package(monkeypatch):
    """Told by the first bytes alone, so that it needs no package here, either."""
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    monkeypatch.setattr(Image, 'ID', [name for name in Image.ID if name != 'HEIF'])
    content = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(100)
    with pytest.raises(
        UserError, match=r'a\.jpg: an HEIC image, .* pip install pillow-heif'
    ) as told:
        decode_rgb(content, 'a.jpg')
    assert type(told.value) is UserError  # passed over by no data set


@pytest.mark.filterwarnings('error')
def test_broken_exif_does_not_matter():
    for exif in (b'Exif\0\0nonsense', b'Exif\0\0II*\0\x08\0\0\0\xff\xff'):
        check(encode(RGB, 'PNG', exif=exif), RGB)


def test_a_header_tells_size_and_frames_before_pixels_are_decoded(tmp_path):
    """A bilevel PNG of 2,000 megapixels, of which only the header is there."""
    header = struct.pack('>IIBBBBB', 50_000, 3_000, 1, 0, 0, 0, 0)
    content = b'\x89PNG\r\n\x1a\n' + png_chunk(b'IHDR', header) + png_chunk(b'IDAT', b'')
    (tmp_path / 'a.png').write_bytes(content)
    assert read_header(tmp_path / 'a.png') == Header(50_000, 3_000, '1', 1, 'PNG')
    lying = encode(RGB, 'JPEG', exif=b'Exif\0\0' + exif_with_orientation(6))
    (tmp_path / 'b.jpg').write_bytes(lying)
    assert read_header(tmp_path / 'b.jpg')[:2] == (6, 9)
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    (tmp_path / 'c.gif').write_bytes(
        encode(frames[0], 'GIF', save_all=True, append_images=frames[1:])
    )
    assert read_header(tmp_path / 'c.gif').frames == 2
    for name in ('missing.png', 'text.png'):
        (tmp_path / 'text.png').write_text('Once upon a time')
        with pytest.raises(UserError, match=name):
            read_header(tmp_path / name)
