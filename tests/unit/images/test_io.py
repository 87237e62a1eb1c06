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
PICTURE = np.ascontiguousarray(data.coffee()[100:119, 200:231])
ALPHA = np.uint8(np.clip(np.add.outer(8 * np.arange(19), 4 * np.arange(31)), 0, 255))


def eight_bit(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels / 257.0).astype(np.uint8)


def repeat_grey(pixels: np.ndarray) -> np.ndarray:
    return np.stack([pixels] * 3, axis=2)


def tiff(pixels: np.ndarray, photometric: str = 'rgb', **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric=photometric, **options)
    return buffer.getvalue()


def check(content: bytes, expected: np.ndarray) -> None:
    pixels = decode_rgb(content, 'x')
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, expected)


@pytest.fixture
def read(tmp_path):
    """Reads a photo of a file with some content."""

    def read(content: bytes, **options) -> Photo:
        (tmp_path / 'a').write_bytes(content)
        return read_photo(tmp_path / 'a', **options)

    return read


def test_eight_bits_become_rgb():
    """Opacity is dropped, not composited."""
    for kind in ('PNG', 'TIFF', 'BMP'):
        check(encode(RGB, kind), RGB)
    grey, alpha = RGB[..., 0], rng.integers(0, 256, (6, 9), np.uint8)
    alpha[0] = 0
    check(encode(grey), repeat_grey(grey))
    check(encode(Image.fromarray(grey > 127)), repeat_grey((grey > 127) * np.uint8(255)))
    check(encode(np.dstack([RGB, alpha])), RGB)
    check(encode(np.dstack([grey, alpha])), repeat_grey(grey))
    cmyk = Image.merge('CMYK', [Image.new('L', (4, 2), value) for value in (255, 0, 51, 0)])
    check(encode(cmyk, 'TIFF'), np.full((2, 4, 3), (0, 255, 204), np.uint8))


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('options', [{}, dict(transparency=bytes([0, 128, 255, 3]))])
def test_palette(options):
    palette = rng.integers(0, 256, (4, 3), np.uint8)
    indices = rng.integers(0, 4, (6, 9), np.uint8)
    image = Image.frombytes('P', (9, 6), indices.tobytes())
    image.putpalette(palette.tobytes())
    check(encode(image, **options), palette[indices])


@pytest.mark.parametrize('channels', [1, 2, 3, 4])
def test_16_bit_png(channels):
    pixels = DEEP[..., :channels]
    colour = eight_bit(pixels[..., :3]) if channels > 2 else repeat_grey(eight_bit(DEEP[..., 0]))
    check(encode_png16(pixels), colour)
    orientation = png_chunk(b'eXIf', exif_with_orientation(6))
    check(encode_png16(pixels, orientation), ORIENTATIONS[6](colour))


@pytest.mark.parametrize('byteorder', ['<', '>'])
def test_16_bit_tiff(byteorder):
    rgb = DEEP[..., :3]
    check(tiff(rgb, byteorder=byteorder), eight_bit(rgb))
    check(tiff(DEEP, extrasamples=['unassalpha'], byteorder=byteorder), eight_bit(rgb))
    grey = tiff(rgb[..., 0], 'minisblack', byteorder=byteorder)
    check(grey, repeat_grey(eight_bit(rgb[..., 0])))


@pytest.mark.parametrize('orientation', ORIENTATIONS)
def test_orientation(orientation):
    turn, exif = ORIENTATIONS[orientation], exif_with_orientation(orientation)
    check(encode(RGB, 'PNG', exif=exif), turn(RGB))
    tag = [(274, 'H', 1, orientation, True)]
    check(tiff(RGB, extratags=tag), turn(RGB))
    deep = DEEP[..., :3]
    check(tiff(deep, extratags=tag), turn(eight_bit(deep)))
    grey = tiff(deep[..., 0], 'minisblack', extratags=tag)
    check(grey, turn(repeat_grey(eight_bit(deep[..., 0]))))
    # HEIC without loss, in RGB.
    pillow_heif = pytest.importorskip('pillow_heif')
    buffer = io.BytesIO()
    exact = dict(quality=-1, matrix_coefficients=0, chroma=444)
    pillow_heif.from_pillow(Image.fromarray(RGB)).save(buffer, exif=exif, **exact)
    assert buffer.getvalue()[4:11] == b'ftyphei'
    check(buffer.getvalue(), turn(RGB))


def error_of(content: bytes) -> str:
    with pytest.raises(UserError) as caught:
        decode_rgb(content, 'folder/photo.png')
    message = str(caught.value)
    assert message.startswith('folder/photo.png: ')
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
        for whole in (content, deep):
            assert 'cannot be read as an image' in error_of(whole[: int(len(whole) * part)])


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


@pytest.mark.parametrize('dtype', [np.float32, np.int32, np.int16])
@pytest.mark.parametrize('photometric', ['minisblack', 'rgb'])
def test_odd_pixels(dtype, photometric):
    shape = (6, 9, 3) if photometric == 'rgb' else (6, 9)
    message = error_of(tiff(np.ones(shape, dtype), photometric))
    assert 'pixels of the kind' in message or 'unknown format' in message


def test_heic_without_its_package(monkeypatch):
    """Told by the first bytes alone, so that it needs no package here, either."""
    monkeypatch.setitem(sys.modules, 'pillow_heif', None)
    monkeypatch.setattr(Image, 'ID', [name for name in Image.ID if name != 'HEIF'])
    content = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(100)
    message = r'a\.jpg: an HEIC image, .* pip install pillow-heif'
    with pytest.raises(UserError, match=message) as told:
        decode_rgb(content, 'a.jpg')
    assert type(told.value) is UserError  # passed over by no data set


def test_a_header_tells_size_and_bits_before_pixels_are_decoded(tmp_path):
    """A bilevel PNG of 2,000 megapixels, of which only the header is there."""

    def header_of(content: bytes) -> Header:
        (tmp_path / 'a').write_bytes(content)
        return read_header(tmp_path / 'a')

    header = struct.pack('>IIBBBBB', 50_000, 3_000, 1, 0, 0, 0, 0)
    huge = b'\x89PNG\r\n\x1a\n' + png_chunk(b'IHDR', header) + png_chunk(b'IDAT', b'')
    assert header_of(huge) == Header(50_000, 3_000, '1')
    lying = encode(RGB, 'JPEG', exif=b'Exif\0\0' + exif_with_orientation(6))
    assert header_of(lying)[:2] == (6, 9)
    # 16-bit grey with opacity, which Pillow does not open; half of its pixels are missing.
    cut = tiff(DEEP[..., :2], 'minisblack', extrasamples=['unassalpha'])[:-100]
    assert header_of(cut) == Header(9, 6, 'LA', 16)
    (tmp_path / 'text.png').write_text('Once upon a time')
    for name in ('missing.png', 'text.png'):
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
    if kind == 'tiff':
        have = tifffile.imread(tmp_path / 'a').reshape(6, 9, -1)
        expected = [rgb[..., :1] if grey else rgb, *([] if opaque else [alpha])]
        np.testing.assert_array_equal(have, np.dstack(expected))
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


@pytest.mark.parametrize('kind', ['png', 'tiff'])
def test_a_large_file_of_many_strips(kind, tmp_path):
    large = rng.integers(0, 65536, (700, 500, 3), np.uint16)
    write_photo(Photo(large), tmp_path / 'a', kind)
    np.testing.assert_array_equal(read_photo(tmp_path / 'a').rgb, large)


@pytest.mark.parametrize('count', [1, 3])
def test_a_key_colour_of_sixteen_bits_is_transparent(count, read):
    key = struct.pack(f'>{count}H', *DEEP[2, 3, :count])
    photo = read(encode_png16(DEEP[..., :count], png_chunk(b'tRNS', key)))
    assert photo.grey == (count == 1)
    expected = np.full((6, 9), 65535)
    expected[2, 3] = 0
    np.testing.assert_array_equal(photo.alpha, expected)
    np.testing.assert_array_equal(photo.rgb[..., :count], DEEP[..., :count])


def test_white_is_zero_in_sixteen_bits_too(read):
    for pixels in (DEEP[..., 0], RGB[..., 0]):
        photo = read(tiff(pixels, 'miniswhite'))
        assert photo.grey
        np.testing.assert_array_equal(photo.rgb[..., 1], np.iinfo(pixels.dtype).max - pixels)


def test_colours_multiplied_with_their_opacity_are_divided(read):
    stored = np.dstack([DEEP[..., :3] // 4, np.full((6, 9), 30000, np.uint16)])
    expected = np.clip(stored[..., :3] * (65535 / 30000), 0, 65535)
    assert np.abs(read(tiff(stored, extrasamples=['assocalpha'])).rgb - expected).max() <= 0.5


def test_planes_and_ppm_of_sixteen_bits(read):
    """OpenCV misreads the one, Pillow cuts the other to 8 bits."""
    colour = DEEP[..., :3]
    planes = tiff(np.moveaxis(colour, -1, 0), planarconfig='separate')
    np.testing.assert_array_equal(read(planes).rgb, colour)
    for white in (65535, 4095):
        pixels = np.minimum(colour, white)
        photo = read(b'P6\n# a comment\n9 6\n%d\n' % white + pixels.astype('>u2').tobytes())
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
def test_more_than_eight_bits_of_compressed_files_are_read(content, place, bits, read, tmp_path):
    """With their full range: the largest value is white."""
    photo = read(content())
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
def test_bits_that_no_library_reads_are_told(kind, read):
    if kind == 'avif' and not features.check('avif'):
        pytest.skip('this Pillow reads no AVIF')
    photo = read(avif_that_says_ten_bits() if kind == 'avif' else tiff(DEEP, 'separated'))
    assert photo.bits == 8
    assert 'has more than 8 bits a channel, of which 8 are read' in photo.warnings[0]


TWELVE = (DEEP[..., :3] >> 4).astype(np.uint16)
TWELVE[0, 0], TWELVE[0, 1] = 0, 4095


def packed_twelve_bits() -> bytes:
    """A grey TIFF file with two values in three bytes, by hand."""
    pairs = TWELVE[:, :8, 0].reshape(-1, 2).tolist()
    rows = [int(f'{a:012b}{b:012b}', 2).to_bytes(3, 'big') for a, b in pairs]
    tags = {256: 8, 257: 6, 258: 12, 259: 1, 262: 1, 273: 122, 277: 1, 278: 6, 279: 72}
    table = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in tags.items())
    return b'II*\0\x08\0\0\0' + struct.pack('<H', 9) + table + bytes(4) + b''.join(rows)


def twelve_bits(**options) -> bytes:
    return tiff(TWELVE, metadata=None, **options)


DECLARED = dict(
    SMaxSampleValue=twelve_bits(extratags=[(341, 'd', 3, (4095.0,) * 3, True)]),
    MaxSampleValue=twelve_bits(extratags=[(281, 'H', 3, (4095,) * 3, True)]),
    OME=twelve_bits(description='<?xml version="1.0"?><OME><Image><Pixels SizeX="9" Type="uint16" '
                                'SignificantBits="12"/></Image></OME>'),
    ImageJ=twelve_bits(description='ImageJ=1.53\nmin=0.0\nmax=4095.0\n'),
    BitsPerSample=packed_twelve_bits(),
)  # fmt: skip


@pytest.mark.parametrize('how', DECLARED)
def test_the_range_that_a_file_declares_is_full_range(how, read, tmp_path):
    """White is white, in 8 bits as well, and the result has the range of the file."""
    photo = read(DECLARED[how])
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
    expected = np.rint(stored * (255 / 4095))
    assert np.abs(read_rgb(tmp_path / 'b.webp') - expected).max() <= 1


def test_a_range_that_is_not_declared_is_told_and_can_be_stretched(read, tmp_path):
    content = tiff(TWELVE + 100, metadata=None)
    photo = read(content)
    [warning] = photo.warnings
    assert 'values from 100 to 4195 of 65535' in warning
    np.testing.assert_array_equal(photo.rgb, TWELVE + 100)
    photo = read(content, stretched=True)
    assert not photo.warnings
    assert (photo.levels, photo.rgb.min(), photo.rgb.max()) == ((100, 4195), 0, 65535)
    write_photo(photo, tmp_path / 'b.png', 'png')
    have = cv2.imread(str(tmp_path / 'b.png'), cv2.IMREAD_UNCHANGED)[..., ::-1]
    np.testing.assert_array_equal(have, TWELVE + 100)
    # What uses the whole range, or says that it does, needs no word.
    assert not read(encode_png16(DEEP)).warnings
    assert read(encode_png16(DEEP), stretched=True).levels == (DEEP[..., :3].min(), 65535)


def test_of_several_pages_the_largest_is_taken_with_a_word(read, tmp_path):
    """In 8 and 16 bits; of pages of one size the first, as of all that moves."""
    for large, small in ((RGB, RGB[:2, :3]), (DEEP[..., :3], DEEP[:2, :3, :3])):
        with tifffile.TiffWriter(tmp_path / 'a.tif') as file:
            for page in (small, large, small):
                file.write(page, photometric='rgb', metadata=None)
        photo = read_photo(tmp_path / 'a.tif')
        np.testing.assert_array_equal(photo.rgb, large)
        assert photo.warnings == ('has 3 pages; page 2, the largest, is taken',)
        assert read_header(tmp_path / 'a.tif')[:2] == (9, 6)
    moving = dict(save_all=True, append_images=[Image.fromarray(p) for p in (255 - RGB, RGB // 2)])
    for kind in ('TIFF', 'GIF', 'PNG', 'WEBP'):
        photo = read(encode(RGB, kind, **moving, **(dict(lossless=True) if kind == 'WEBP' else {})))
        assert np.abs(photo.rgb.astype(int) - RGB).mean() < 60
        [warning] = photo.warnings
        assert warning.startswith('has 3 ')
        assert 'the first is taken' in warning


def test_raw_files_are_to_be_developed(tmp_path):
    """A DNG and an NEF file, which are TIFF files with a thumbnail, and one that is none."""
    dng = tiff(RGB, extratags=[(50706, 'B', 4, (1, 4, 0, 0), True)])
    for name, content in (('a.tif', dng), ('a.NEF', tiff(RGB)), ('a.raf', b'FUJIFILMCCD-RAW 0201')):
        (tmp_path / name).write_bytes(content)
        for read in (read_photo, read_header):
            with pytest.raises(UserError, match=rf'{name}: a raw file of a camera; develop it'):
                read(tmp_path / name)
    (tmp_path / 'a.dng').write_bytes(encode(RGB))  # a PNG file under a wrong name
    np.testing.assert_array_equal(read_photo(tmp_path / 'a.dng').rgb, RGB)


def test_files_arrays_and_pillow_images_are_the_same(tmp_path):
    """Without their opacity, in 8 bits, in three channels, upright."""
    Image.fromarray(PICTURE).save(tmp_path / 'a.png')
    rgba, deep = np.dstack([PICTURE, ALPHA]), PICTURE.astype(np.uint16) * 257
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(PICTURE)))
    lying.getexif()[0x112] = 6  # to be turned by 90° clockwise
    for image in (PICTURE, str(tmp_path / 'a.png'), rgba, Image.fromarray(rgba), deep, lying):
        np.testing.assert_array_equal(read_rgb(image), PICTURE)
    grey = PICTURE[..., 1]
    for image in (grey, grey[..., None], Image.fromarray(grey), Image.fromarray(deep[..., 1])):
        np.testing.assert_array_equal(read_rgb(image), repeat_grey(grey))


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
    with pytest.raises(UserError):
        read_rgb(image)


@pytest.mark.parametrize('turned', [False, True])
@pytest.mark.parametrize('kind', ['PNG', 'WEBP', 'TIFF', 'TGA'])
def test_alpha_is_read(kind, turned, read):
    image, options = Image.fromarray(np.dstack([PICTURE, ALPHA])), {}
    if kind == 'WEBP':
        options = dict(lossless=True, exact=True)
    if turned and kind != 'TGA':  # which has no EXIF
        image = image.transpose(Image.Transpose.ROTATE_90)
        options['exif'] = exif_with_orientation(6)
    photo = read(encode(image, kind, **options))
    np.testing.assert_array_equal(photo.alpha, ALPHA)
    np.testing.assert_array_equal(photo.rgb, PICTURE)
    assert not photo.grey


def test_a_key_colour_is_alpha(read):
    palette = Image.fromarray(PICTURE).quantize(8)
    expected = np.where(np.asarray(palette) == 3, 0, 255)
    np.testing.assert_array_equal(read(encode(palette, transparency=3)).alpha, expected)


def test_the_profile_goes_with_the_pixels_it_is_for(read, tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    photo = read(encode(PICTURE, icc_profile=srgb))
    assert photo.icc_profile == srgb
    for kind in FORMATS:
        write_photo(photo, tmp_path / 'b', kind)
        with Image.open(tmp_path / 'b') as image:
            assert image.info['icc_profile'] == srgb
    cmyk = Image.fromarray(PICTURE).convert('CMYK')
    cmyk_profile = srgb[:16] + b'CMYK' + srgb[20:]
    assert read(encode(cmyk, 'JPEG', icc_profile=cmyk_profile)).icc_profile is None


@pytest.mark.parametrize('kind', FORMATS)
def test_alpha_and_pixels_are_written(kind, tmp_path):
    """JPEG, which has no transparency, shows them over white."""
    write_photo(Photo(PICTURE, ALPHA), tmp_path / 'new' / 'a', kind, quality=100)
    with Image.open(tmp_path / 'new' / 'a') as image:
        assert image.format == FORMATS[kind]
        assert image.mode == ('RGB' if kind == 'jpg' else 'RGBA')
        written = np.asarray(image.convert('RGBA')).astype(int)
    expected = PICTURE.astype(int)
    if kind == 'jpg':
        expected = expected + (255 - expected) * (255 - ALPHA[..., None].astype(int)) / 255
    else:
        np.testing.assert_array_equal(written[..., 3], ALPHA)
    error = np.abs(written[..., :3] - expected)[(ALPHA > 128) | (kind == 'jpg')]
    assert error.mean() < (4 if kind in ('webp', 'jpg') else 1e-9)


@pytest.mark.parametrize('kind', FORMATS)
def test_grey_stays_grey(kind, tmp_path):
    photo = Photo(PICTURE, grey=True)
    write_photo(photo, tmp_path / 'a', kind)
    pixels = read_rgb(tmp_path / 'a').astype(int)
    assert np.ptp(pixels, axis=2).max() <= (2 if kind == 'webp' else 0)
    assert np.abs(pixels[..., 0] - np.asarray(Image.fromarray(PICTURE).convert('L'))).mean() < 2
    if kind == 'png':
        write_photo(photo._replace(alpha=ALPHA), tmp_path / 'a', kind)
        with Image.open(tmp_path / 'a') as image:
            assert image.mode == 'LA'


def test_what_a_format_cannot_hold_leaves_what_was_there(tmp_path):
    photo = Photo(np.zeros((1, 20000, 3), np.uint8))
    (tmp_path / 'a.webp').write_text('an older one')
    with pytest.raises(UserError, match=r'cannot write .*a\.webp'):
        write_photo(photo, tmp_path / 'a.webp', 'webp')
    assert (tmp_path / 'a.webp').read_text() == 'an older one'
    assert len(list(tmp_path.iterdir())) == 1
