"""Any image file becomes upright pixels with what belongs to them, or one line; and back."""

from __future__ import annotations

import io
import struct
import sys

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, features
from skimage import data

from masasr_mm.errors import UserError
from masasr_mm.images.io import (
    FORMATS,
    Header,
    Photo,
    decode_rgb,
    read_header,
    read_photo,
    read_rgb,
    write_photo,
)
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


def error_of(content: bytes) -> str:
    with pytest.raises(UserError) as caught:
        decode_rgb(content, 'folder/photo.png')
    message = str(caught.value)
    assert message.startswith('folder/photo.png: ')
    assert '\n' not in message
    assert 'BytesIO' not in message
    return message


def test_a_jpeg_file_is_decoded_reduced():
    """By whole steps, no shorter than asked for, and upright."""
    image = Image.fromarray(data.coffee())
    content = encode(image, 'JPEG', quality=95, exif=b'Exif\0\0' + exif_with_orientation(6))
    have = decode_rgb(content, 'a.jpg', 100)
    assert have.shape == (150, 100, 3)
    right = np.asarray(image.reduce(4).rotate(-90, expand=True), int)
    assert np.abs(have - right).mean() < 2
    assert decode_rgb(content, 'a.jpg', 101).shape == (300, 200, 3)


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'TIFF', 'BMP'])
def test_truncated(kind):
    noise = rng.integers(0, 256, (64, 64, 3), np.uint8)
    content = encode(noise, kind)
    deep = encode_png16(noise.astype(np.uint16)) if kind == 'PNG' else content
    for part in (0.3, 0.7, 0.95):
        assert 'cannot be read as an image' in error_of(content[: int(len(content) * part)])
        assert 'cannot be read as an image' in error_of(deep[: int(len(deep) * part)])


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


def test_a_header_tells_size_and_frames_before_pixels_are_decoded(tmp_path):
    """A bilevel PNG of 2,000 megapixels, of which only the header is there."""
    header = struct.pack('>IIBBBBB', 50_000, 3_000, 1, 0, 0, 0, 0)
    content = b'\x89PNG\r\n\x1a\n' + png_chunk(b'IHDR', header) + png_chunk(b'IDAT', b'')
    (tmp_path / 'a.png').write_bytes(content)
    assert read_header(tmp_path / 'a.png') == Header(50_000, 3_000, '1', 1, 'PNG')
    lying = encode(RGB, 'JPEG', exif=b'Exif\0\0' + exif_with_orientation(6))
    (tmp_path / 'b.jpg').write_bytes(lying)
    assert read_header(tmp_path / 'b.jpg')[:2] == (6, 9)
    # 16-bit grey with opacity, which Pillow does not open; half of its pixels are missing.
    tifffile.imwrite(
        tmp_path / 'c.tif', DEEP[..., :2], photometric='minisblack', extrasamples=['unassalpha']
    )
    with (tmp_path / 'c.tif').open('r+b') as file:
        file.truncate((tmp_path / 'c.tif').stat().st_size - 100)
    assert read_header(tmp_path / 'c.tif') == Header(9, 6, 'LA', 1, 'TIFF', 16)
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    (tmp_path / 'c.gif').write_bytes(
        encode(frames[0], 'GIF', save_all=True, append_images=frames[1:])
    )
    assert read_header(tmp_path / 'c.gif').frames == 2
    for name in ('missing.png', 'text.png'):
        (tmp_path / 'text.png').write_text('Once upon a time')
        with pytest.raises(UserError, match=name):
            read_header(tmp_path / name)


@pytest.mark.parametrize('kind', ['png', 'tiff'])
@pytest.mark.parametrize('grey', [False, True])
@pytest.mark.parametrize('opaque', [False, True])
def test_sixteen_bits_are_written_and_read(kind, grey, opaque, tmp_path):
    """Told by tifffile, and for PNG by OpenCV, which makes four channels of grey with alpha."""
    rgb = repeat_grey(DEEP[..., 0]) if grey else DEEP[..., :3]
    alpha = None if opaque else DEEP[..., 3]
    write_photo(Photo(rgb, alpha, grey=grey), tmp_path / 'a', kind)
    expected = [rgb[..., :1] if grey else rgb, *([] if opaque else [alpha[..., None]])]
    if kind == 'tiff':
        have = tifffile.imread(tmp_path / 'a').reshape(6, 9, -1)
        np.testing.assert_array_equal(have, np.concatenate(expected, axis=2))
    else:
        colour_type = (tmp_path / 'a').read_bytes()[25]
        assert colour_type == {(0, 1): 2, (0, 0): 6, (1, 1): 0, (1, 0): 4}[grey, opaque]
        have = cv2.imread(str(tmp_path / 'a'), cv2.IMREAD_UNCHANGED).reshape(6, 9, -1)
        np.testing.assert_array_equal(have[..., 2 if have.shape[2] > 1 else 0], rgb[..., 0])
        if not opaque:
            np.testing.assert_array_equal(have[..., 3], alpha)
    photo = read_photo(tmp_path / 'a')
    assert photo.grey == grey
    np.testing.assert_array_equal(photo.rgb, rgb)
    np.testing.assert_array_equal(photo.alpha, alpha)
    assert not photo.warnings


def test_a_large_file_of_many_strips(tmp_path):
    large = rng.integers(0, 65536, (700, 500, 3), np.uint16)
    for kind in ('png', 'tiff'):
        write_photo(Photo(large), tmp_path / 'a', kind)
        np.testing.assert_array_equal(read_photo(tmp_path / 'a').rgb, large)


@pytest.mark.parametrize('count', [1, 3])
def test_a_key_colour_of_sixteen_bits_is_transparent(count, tmp_path):
    key = struct.pack(f'>{count}H', *DEEP[2, 3, :count])
    (tmp_path / 'a.png').write_bytes(encode_png16(DEEP[..., :count], png_chunk(b'tRNS', key)))
    photo = read_photo(tmp_path / 'a.png')
    assert photo.grey == (count == 1)
    expected = np.full((6, 9), 65535)
    expected[2, 3] = 0
    np.testing.assert_array_equal(photo.alpha, expected)
    np.testing.assert_array_equal(photo.rgb[..., :count], DEEP[..., :count])


def test_white_is_zero_in_sixteen_bits_too(tmp_path):
    for pixels in (DEEP[..., 0], RGB[..., 0]):
        (tmp_path / 'a.tif').write_bytes(tiff(tmp_path, pixels, photometric='miniswhite'))
        photo = read_photo(tmp_path / 'a.tif')
        assert photo.grey
        np.testing.assert_array_equal(photo.rgb[..., 1], np.iinfo(pixels.dtype).max - pixels)


def test_colours_multiplied_with_their_opacity_are_divided(tmp_path):
    alpha = np.full((6, 9, 1), 30000, np.uint16)
    stored = np.concatenate([DEEP[..., :3] // 4, alpha], axis=2)
    options = dict(photometric='rgb', extrasamples=['assocalpha'])
    (tmp_path / 'a.tif').write_bytes(tiff(tmp_path, stored, **options))
    expected = np.clip(stored[..., :3] * (65535 / 30000), 0, 65535)
    assert np.abs(read_photo(tmp_path / 'a.tif').rgb - expected).max() <= 0.5


def test_planes_and_ppm_of_sixteen_bits(tmp_path):
    """OpenCV misreads the one, Pillow cuts the other to 8 bits."""
    colour = DEEP[..., :3]
    planes = tiff(tmp_path, np.moveaxis(colour, -1, 0), photometric='rgb', planarconfig='separate')
    (tmp_path / 'a.tif').write_bytes(planes)
    np.testing.assert_array_equal(read_photo(tmp_path / 'a.tif').rgb, colour)
    for white in (65535, 4095):
        pixels = np.minimum(colour, white)
        content = b'P6\n# a comment\n9 6\n%d\n' % white + pixels.astype('>u2').tobytes()
        (tmp_path / 'a.ppm').write_bytes(content)
        photo = read_photo(tmp_path / 'a.ppm')
        assert np.abs(photo.rgb - pixels * (65535 / white)).max() <= 0.5
        assert not photo.warnings


def heic_of_ten_bits() -> bytes:
    pillow_heif = pytest.importorskip('pillow_heif')
    image = pillow_heif.from_bytes(mode='RGBA;16', size=(9, 6), data=DEEP.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, quality=-1, matrix_coefficients=0, chroma=444)
    return buffer.getvalue()


def jpeg_2000_of_sixteen_bits() -> bytes:
    large = cv2.resize(DEEP[..., [2, 1, 0, 3]], (36, 24), interpolation=cv2.INTER_NEAREST)
    written, content = cv2.imencode('.jp2', np.pad(large, ((0, 40), (0, 28), (0, 0))))
    assert written
    return content.tobytes()


@pytest.mark.parametrize(
    ('content', 'place', 'bits'),
    [(heic_of_ten_bits, np.s_[:], 10), (jpeg_2000_of_sixteen_bits, np.s_[:24:4, :36:4], 16)],
)
def test_more_than_eight_bits_of_compressed_files_are_read(content, place, bits, tmp_path):
    """With their full range: the largest value is white."""
    (tmp_path / 'a').write_bytes(content())
    photo = read_photo(tmp_path / 'a')
    assert (photo.bits, photo.levels, photo.warnings) == (16, None, ())
    assert read_header(tmp_path / 'a').bits == bits
    expected = (DEEP >> (16 - bits)) * (65535 / ((1 << bits) - 1))
    assert np.abs(photo.rgb[place] - expected[..., :3]).max() <= 1
    assert np.abs(photo.alpha[place] - expected[..., 3]).max() <= 1


def avif_that_says_ten_bits() -> bytes:
    content = bytearray(encode(RGB, 'AVIF'))
    content[content.index(b'av1C') + 6] |= 0x40
    start = content.index(b'pixi') + 9
    content[start : start + 3] = bytes([10, 10, 10])
    return bytes(content)


@pytest.mark.parametrize('kind', ['avif', 'cmyk'])
def test_bits_that_no_library_reads_are_told(kind, tmp_path):
    if kind == 'avif':
        if not features.check('avif'):
            pytest.skip('this Pillow reads no AVIF')
        content = avif_that_says_ten_bits()
    else:
        content = tiff(tmp_path, DEEP, photometric='separated')
    (tmp_path / 'a').write_bytes(content)
    photo = read_photo(tmp_path / 'a')
    assert photo.bits == 8
    assert 'has more than 8 bits a channel, of which 8 are read' in photo.warnings[0]


TWELVE = (DEEP[..., :3] >> 4).astype(np.uint16)
TWELVE[0, 0], TWELVE[0, 1] = 0, 4095


DECLARED = dict(
    SMaxSampleValue=lambda p: tiff(p, TWELVE, photometric='rgb', metadata=None,
                                   extratags=[(341, 'd', 3, (4095.0,) * 3, True)]),
    MaxSampleValue=lambda p: tiff(p, TWELVE, photometric='rgb', metadata=None,
                                  extratags=[(281, 'H', 3, (4095,) * 3, True)]),
    OME=lambda p: tiff(p, TWELVE, photometric='rgb', metadata=None,
                       description='<?xml version="1.0"?><OME><Image><Pixels SizeX="9" '
                       'Type="uint16" SignificantBits="12"/></Image></OME>'),
    ImageJ=lambda p: tiff(p, TWELVE, photometric='rgb', metadata=None,
                          description='ImageJ=1.53\nmin=0.0\nmax=4095.0\n'),
    BitsPerSample=lambda p: packed_twelve_bits(),
)  # fmt: skip


@pytest.mark.parametrize('how', DECLARED)
def test_the_range_that_a_file_declares_is_full_range(how, tmp_path):
    """White is white, in 8 bits as well, and the result has the range of the file."""
    (tmp_path / 'a.tif').write_bytes(DECLARED[how](tmp_path))
    photo = read_photo(tmp_path / 'a.tif')
    stored = repeat_grey(TWELVE[:, :8, 0]) if how == 'BitsPerSample' else TWELVE
    assert np.abs(photo.rgb - stored * (65535 / 4095)).max() <= 0.5
    assert not photo.warnings
    write_photo(photo, tmp_path / 'b.tif', 'tiff')
    with tifffile.TiffFile(tmp_path / 'b.tif') as file:
        have = file.pages[0].asarray()
        np.testing.assert_array_equal(have, stored[..., 0] if photo.grey else stored)
        high = file.pages[0].tags['SMaxSampleValue'].value
        assert (high if photo.grey else high[0]) == 4095
    np.testing.assert_array_equal(read_photo(tmp_path / 'b.tif').rgb, photo.rgb)
    write_photo(photo, tmp_path / 'b.webp', 'webp', quality='lossless')
    with Image.open(tmp_path / 'b.webp') as image:
        expected = np.rint(stored * (255 / 4095))
        assert np.abs(np.asarray(image.convert('RGB')) - expected).max() <= 1


def test_a_range_that_is_not_declared_is_told_and_can_be_stretched(tmp_path):
    (tmp_path / 'a.tif').write_bytes(tiff(tmp_path, TWELVE + 100, photometric='rgb', metadata=None))
    photo = read_photo(tmp_path / 'a.tif')
    [warning] = photo.warnings
    assert 'values from 100 to 4195 of 65535' in warning
    np.testing.assert_array_equal(photo.rgb, TWELVE + 100)
    photo = read_photo(tmp_path / 'a.tif', stretched=True)
    assert not photo.warnings
    assert (photo.levels, photo.rgb.min(), photo.rgb.max()) == ((100, 4195), 0, 65535)
    write_photo(photo, tmp_path / 'b.png', 'png')
    have = cv2.imread(str(tmp_path / 'b.png'), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_array_equal(have, TWELVE + 100)
    # What uses the whole range, or says that it does, needs no word.
    (tmp_path / 'a.png').write_bytes(encode_png16(DEEP))
    assert not read_photo(tmp_path / 'a.png').warnings
    assert read_photo(tmp_path / 'a.png', stretched=True).levels == (
        DEEP[..., :3].min(),
        65535,
    )


def test_of_several_pages_the_largest_is_taken_with_a_word(tmp_path):
    """In 8 and 16 bits; of pages of one size the first, as of all that moves."""
    for large, small in ((RGB, RGB[:2, :3]), (DEEP[..., :3], DEEP[:2, :3, :3])):
        with tifffile.TiffWriter(tmp_path / 'a.tif') as file:
            for page in (small, large, small):
                file.write(page, photometric='rgb', metadata=None)
        photo = read_photo(tmp_path / 'a.tif')
        np.testing.assert_array_equal(photo.rgb, large)
        assert photo.warnings == ('has 3 pages; page 2, the largest, is taken',)
        assert read_header(tmp_path / 'a.tif')[:2] == (9, 6)
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB), Image.fromarray(RGB // 2)]
    for kind in ('TIFF', 'GIF', 'PNG', 'WEBP'):
        options = dict(lossless=True) if kind == 'WEBP' else {}
        content = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        (tmp_path / 'a').write_bytes(content)
        photo = read_photo(tmp_path / 'a')
        assert np.abs(photo.rgb.astype(int) - RGB).mean() < 60
        [warning] = photo.warnings
        assert warning.startswith('has 3 ')
        assert 'the first is taken' in warning


def test_raw_files_are_to_be_developed(tmp_path):
    """A DNG and an NEF file, which are TIFF files with a thumbnail, and one that is none."""
    tags = [(50706, 'B', 4, (1, 4, 0, 0), True)]
    dng = tiff(tmp_path, RGB, photometric='rgb', extratags=tags)
    plain = tiff(tmp_path, RGB, photometric='rgb')
    for name, content in (('a.tif', dng), ('a.NEF', plain), ('a.raf', b'FUJIFILMCCD-RAW 0201')):
        (tmp_path / name).write_bytes(content)
        for read in (read_photo, read_header):
            with pytest.raises(UserError, match=rf'{name}: a raw file of a camera; develop it'):
                read(tmp_path / name)
    (tmp_path / 'a.dng').write_bytes(encode(RGB))  # a PNG file under a wrong name
    np.testing.assert_array_equal(read_photo(tmp_path / 'a.dng').rgb, RGB)


def packed_twelve_bits() -> bytes:
    """A grey TIFF file with two values in three bytes, by hand."""
    pairs = TWELVE[:, :8, 0].reshape(-1, 2).tolist()
    rows = [int(f'{a:012b}{b:012b}', 2).to_bytes(3, 'big') for a, b in pairs]
    tags = {256: 8, 257: 6, 258: 12, 259: 1, 262: 1, 273: 122, 277: 1, 278: 6, 279: 72}
    table = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in tags.items())
    return b'II*\0\x08\0\0\0' + struct.pack('<H', 9) + table + bytes(4) + b''.join(rows)


@pytest.fixture(scope='module')
def pixels() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[100:121, 200:233])


def test_files_arrays_and_pillow_images_are_the_same(pixels, tmp_path):
    """Without their opacity, in 8 bits, in three channels."""
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    rgba = np.dstack([pixels, np.arange(21 * 33, dtype=np.uint8).reshape(21, 33)])
    deep = pixels.astype(np.uint16) * 257
    for image in (pixels, str(tmp_path / 'a.png'), rgba, Image.fromarray(rgba), deep):
        np.testing.assert_array_equal(read_rgb(image), pixels)
    grey = pixels[..., 1]
    for image in (grey, grey[..., None], Image.fromarray(grey), Image.fromarray(deep[..., 1])):
        np.testing.assert_array_equal(read_rgb(image), repeat_grey(grey))


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


def test_a_key_colour_is_alpha(rgb, tmp_path):
    palette = rgb.quantize(8)
    palette.save(tmp_path / 'a.png', transparency=3)
    expected = np.where(np.asarray(palette) == 3, 0, 255)
    np.testing.assert_array_equal(read_photo(tmp_path / 'a.png').alpha, expected)


@pytest.mark.parametrize('name', ['a.png', 'a.tif'])
def test_pixels_and_alpha_are_turned_upright(name, rgb, alpha, tmp_path):
    lying = with_alpha(rgb, alpha).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / name, exif=ROTATED)
    photo = read_photo(tmp_path / name)
    np.testing.assert_array_equal(photo.rgb, np.asarray(rgb))
    np.testing.assert_array_equal(photo.alpha, np.asarray(alpha))


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


def test_what_a_format_cannot_hold_leaves_no_file(tmp_path):
    photo = Photo(np.zeros((1, 20000, 3), np.uint8), None, None, grey=False)
    with pytest.raises(UserError, match=r'cannot write .*a\.webp'):
        write_photo(photo, tmp_path / 'a.webp', 'webp')
    assert list(tmp_path.iterdir()) == []
