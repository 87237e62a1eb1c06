"""EXIF and XMP, told by Pillow's readers and, for EXIF in TIFF, by tifffile."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from masasr_mm.images.io import FORMATS, Photo, read_photo, super_resolved, write_photo
from masasr_mm.images.metadata import Metadata, fitting, read_metadata, resized
from tests.image_files import encode

XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" tiff:ImageWidth="40"
xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
xmp:CreatorTool="A camera"><exif:PixelYDimension>30</exif:PixelYDimension>
<xmp:Thumbnails><rdf:Alt><rdf:li>/9j/4AAQ</rdf:li></rdf:Alt></xmp:Thumbnails>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
PLACE = {1: 'N', 2: (48.0, 12.0, 30.5), 3: 'E', 4: (11.0, 30.0, 0.0)}
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def exif() -> Image.Exif:
    """What a phone writes, turned by 90°."""
    block = Image.Exif()
    block[Base.Make], block[Base.Orientation] = 'Maker', 6
    block[IFD.Exif] = {
        Base.DateTimeOriginal: '2024:01:02 03:04:05',
        Base.ExifImageWidth: 40,
        Base.ExifImageHeight: 30,
        IFD.Interop: {1: 'R98'},
    }
    block[IFD.GPSInfo] = dict(PLACE)
    return block


def save(path, kind: str) -> None:
    image, options = Image.fromarray(PIXELS), dict(exif=exif().tobytes(), xmp=XMP)
    if kind == 'PNG':
        options['pnginfo'] = PngInfo()
        options['pnginfo'].add_itxt('XML:com.adobe.xmp', XMP.decode())
    elif kind == 'TIFF':
        options['exif'] = block = Image.Exif()
        block.load(exif().tobytes())
        block[Base.XMLPacket] = XMP
    elif kind == 'HEIF':
        image = pytest.importorskip('pillow_heif').from_pillow(image)
        image.save(path, quality=-1, **options)
        return
    image.save(path, kind, **options)


def enlarged(path, times: int = 4) -> Photo:
    """A photo with more pixels, as if a network had made them."""
    photo = read_photo(path)
    return super_resolved(photo, photo.rgb.repeat(times, axis=0).repeat(times, axis=1))


@pytest.mark.parametrize('source', ['JPEG', 'PNG', 'WEBP', 'TIFF', 'HEIF'])
@pytest.mark.parametrize('kind', FORMATS)
def test_date_camera_and_place_go_along(source, kind, tmp_path):
    """From every format to every format, with the size of the result."""
    save(tmp_path / 'in', source)
    result = enlarged(tmp_path / 'in', 2)
    assert not result.metadata.problems
    write_photo(result, tmp_path / f'out.{kind}', kind)
    with Image.open(tmp_path / f'out.{kind}') as image:
        assert image.size == (60, 80)
        have = image.getexif()
        details = have.get_ifd(IFD.Exif)
        assert (have[Base.Make], have.get(Base.Orientation, 1)) == ('Maker', 1)
        assert details[Base.DateTimeOriginal] == '2024:01:02 03:04:05'
        assert (details[Base.ExifImageWidth], details[Base.ExifImageHeight]) == (60, 80)
        assert have.get_ifd(IFD.GPSInfo) == PLACE
        assert not have.get_ifd(IFD.IFD1)
        xmp = image.info['xmp']
    assert b'xmp:CreatorTool="A camera"' in xmp
    assert b'tiff:ImageWidth="60"' in xmp
    assert b'<exif:PixelYDimension>80<' in xmp
    assert b'Orientation' not in xmp
    assert b'/9j/4AAQ' not in xmp
    if kind == 'tiff':
        with tifffile.TiffFile(tmp_path / 'out.tiff') as file:
            assert file.pages[0].tags['GPSTag'].value['GPSLatitudeRef'] == 'N'
            np.testing.assert_array_equal(file.asarray(), result.rgb)


def test_grey_with_opacity_in_sixteen_bits_keeps_it_too(tmp_path):
    """Which Pillow does not open."""
    save(tmp_path / 'in', 'TIFF')
    photo = read_photo(tmp_path / 'in')
    deep = photo.rgb[..., :1].repeat(3, axis=2) * np.uint16(257)
    write_photo(photo._replace(rgb=deep, alpha=deep[..., 0], grey=True), tmp_path / 'a', 'tiff')
    have, blocks = read_photo(tmp_path / 'a'), []
    assert (have.bits, have.metadata.xmp) == (16, photo.metadata.xmp)
    for metadata in (have.metadata, photo.metadata):
        blocks.append(Image.Exif())
        blocks[-1].load(metadata.exif)
    for part in (IFD.Exif, IFD.GPSInfo):
        assert blocks[0].get_ifd(part) == blocks[1].get_ifd(part) != {}
    assert blocks[0][Base.Make] == 'Maker'


@pytest.mark.parametrize('source', ['PNG', 'JPEG', 'TIFF', 'WEBP', 'JPEG2000', 'PPM'])
def test_nothing_becomes_nothing(source, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / 'in', source)
    result = enlarged(tmp_path / 'in')
    assert result.metadata == Metadata()
    for kind in FORMATS:
        write_photo(result, tmp_path / f'out.{kind}', kind)
        with Image.open(tmp_path / f'out.{kind}') as image:
            assert not {'exif', 'xmp'} & set(image.info)
            assert kind == 'tiff' or 'dpi' not in image.info  # which Pillow makes up


def test_a_thumbnail_is_dropped():
    """An IFD1 with a JPEG image, as cameras write it, appended by hand."""
    thumbnail = encode(Image.new('RGB', (16, 12)), 'JPEG')
    entry = b'\x0e\x01\x02\0\x01\0\0\0A\0\0\0'  # ImageDescription
    start = 8 + 2 + 12 + 4
    first = b'\x01\0' + entry + start.to_bytes(4, 'little')
    length = len(thumbnail).to_bytes(4, 'little')
    place = (start + 2 + 24 + 4).to_bytes(4, 'little')
    second = b'\x02\0\x01\x02\x04\0\x01\0\0\0' + place
    second += b'\x02\x02\x04\0\x01\0\0\0' + length + bytes(4)
    block = b'Exif\0\0II*\0\x08\0\0\0' + first + second + thumbnail
    with Image.open(io.BytesIO(encode(PIXELS, 'JPEG', exif=block))) as image:
        assert image.getexif().get_ifd(IFD.IFD1)
        metadata = read_metadata(image)
    assert not metadata.problems
    assert thumbnail not in metadata.exif
    assert b'A\0' in metadata.exif


@pytest.mark.parametrize(
    'block',
    [
        b'Exif\0\0nonsense',
        b'Exif\0\0II*\0\x08\0\0\0\xff\xff',
        exif().tobytes()[:70],
        exif().tobytes()[:-20],
    ],
)
@pytest.mark.parametrize('suffix', ['png', 'jpg', 'webp'])
def test_broken_exif_is_passed_over(block, suffix, tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / f'a.{suffix}', exif=block)
    photo = read_photo(tmp_path / f'a.{suffix}')
    assert sorted(photo.rgb.shape) == [3, 30, 40]
    assert photo.metadata.exif is None
    [problem] = photo.metadata.problems
    assert problem.startswith('its EXIF is broken and left out (')
    assert '\n' not in problem


def test_broken_xmp_is_passed_over(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / 'a.webp', xmp=b'<x:xmp')
    photo = read_photo(tmp_path / 'a.webp')
    assert photo.metadata.problems == ('its XMP is broken and left out (no RDF in it)',)


@pytest.mark.parametrize(('long', 'other'), [('exif', 'xmp'), ('xmp', 'exif')])
def test_what_is_too_large_for_jpeg_is_left_out(long, other, tmp_path):
    block = exif()
    block[Base.ImageDescription] = 'long' * 20_000
    values = dict(exif=block.tobytes(), xmp=XMP.replace(b'camera', b'camera' * 12_000))
    save(tmp_path / 'a.png', 'PNG')
    photo = read_photo(tmp_path / 'a.png')
    photo = photo._replace(metadata=photo.metadata._replace(**{long: values[long]}))
    assert fitting(photo.metadata, 'png') == photo.metadata
    [problem] = fitting(photo.metadata, 'jpg').problems
    assert problem == f'its {long.upper()} is more than a JPEG file can hold and left out'
    write_photo(photo, tmp_path / 'out.jpg', 'jpg')
    with Image.open(tmp_path / 'out.jpg') as image:
        assert long not in image.info
        assert other in image.info


RESOLUTIONS = dict(
    jpg=dict(dpi=(300, 300)),
    png=dict(dpi=(300, 300)),
    tif=dict(dpi=(300, 300)),
    webp=dict(exif={Base.XResolution: 300.0, Base.YResolution: 300.0, Base.ResolutionUnit: 2}),
    heic=dict(exif={Base.XResolution: 118.11, Base.YResolution: 118.11, Base.ResolutionUnit: 3}),
)


@pytest.mark.parametrize('source', RESOLUTIONS)
@pytest.mark.parametrize('kind', FORMATS)
def test_the_print_size_stays(source, kind, tmp_path):
    """10.16 by 7.62 mm at 300 pixels an inch, so 1,200 at four times the size."""
    options, image = dict(RESOLUTIONS[source]), Image.fromarray(PIXELS)
    if 'exif' in options:
        block = Image.Exif()
        block.update(options['exif'])
        options['exif'] = block.tobytes()
    if source == 'heic':
        image = pytest.importorskip('pillow_heif').from_pillow(image)
    image.save(tmp_path / f'in.{source}', **options)
    write_photo(enlarged(tmp_path / f'in.{source}'), tmp_path / f'out.{kind}', kind)
    with Image.open(tmp_path / f'out.{kind}') as image:
        exif = image.getexif()
        if kind != 'webp':  # which has no other place
            assert image.info['dpi'] == pytest.approx((1200, 1200), abs=0.5)
        if kind == 'webp' or Base.XResolution in exif:
            unit = {2: 1, 3: 2.54}[exif[Base.ResolutionUnit]]
            assert float(exif[Base.XResolution]) * unit == pytest.approx(1200, abs=0.5)


def test_lengths_that_metadata_counts_in_pixels_grow(tmp_path):
    block, details = Image.Exif(), {Base.FocalPlaneXResolution: 4000.0, 37396: (20, 15, 8)}
    block[IFD.Exif] = details
    xmp = XMP.replace(b'xmp:CreatorTool', b'tiff:XResolution="3000000/10000" xmp:CreatorTool')
    large = resized(Metadata(block.tobytes(), xmp), (40, 30), (160, 120))
    have = Image.Exif()
    have.load(large.exif)
    assert have.get_ifd(IFD.Exif) == {Base.FocalPlaneXResolution: 16000, 37396: (80, 60, 32)}
    assert b'tiff:XResolution="12000000/10000"' in large.xmp


AREA = (1, 1, 0, 1, 1025, 0, 1, 1)
POINT = (*AREA[:-1], 2)


@pytest.mark.parametrize('keys', [AREA, POINT])
@pytest.mark.parametrize('how', ['scale', 'matrix'])
def test_pixels_stay_at_their_place_on_the_earth(keys, how, tmp_path):
    """By where the corners of the picture lie, before and after."""
    tags = {34264: (8.0, 6.0, 0.0, 5e5, 6.0, -8.0, 0.0, 4.6e6, *(0.0,) * 7, 1.0)}
    if how == 'scale':
        tags = {33550: (10.0, 10.0, 0.0), 33922: (2.0, 3.0, 0.0, 500_000.0, 4_600_000.0, 0.0)}
    written = [(tag, 'd', len(value), value, True) for tag, value in tags.items()]
    written.append((34735, 'H', 8, keys, True))
    tifffile.imwrite(tmp_path / 'in.tif', PIXELS, photometric='rgb', extratags=written)
    result = enlarged(tmp_path / 'in.tif')
    write_photo(result, tmp_path / 'out.tif', 'tiff')

    def corners(name: str) -> np.ndarray:
        with tifffile.TiffFile(tmp_path / name) as file:
            page = file.pages[0]
            have = {tag.code: tag.value for tag in page.tags}
            width, height = page.imagewidth, page.imagelength
        assert have[34735] == keys
        shift = 0.5 if keys is POINT else 0  # the middle of a pixel is where it is said to be
        places = np.array([(0, 0), (width, 0), (0, height)]) - shift
        if how == 'scale':
            column, row, _, east, north, _ = have[33922]
            across, down, _ = have[33550]
            return (places - (column, row)) * (across, -down) + (east, north)
        matrix = np.reshape(have[34264], (4, 4))
        return places @ matrix[:2, :2].T + matrix[:2, 3]

    np.testing.assert_allclose(corners('out.tif'), corners('in.tif'), rtol=0, atol=1e-6)
    [problem] = fitting(result.metadata, 'png').problems
    assert 'GeoTIFF' in problem
    write_photo(result, tmp_path / 'out.png', 'png')
    with Image.open(tmp_path / 'out.png') as image:
        assert not set(image.getexif()) & {33550, 33922, 34264, 34735}


def test_what_belongs_to_the_old_pixels_alone_is_left_out_with_a_word(tmp_path):
    written = [(50844, 'd', 2, (1.0, 2.0), True)]
    tifffile.imwrite(tmp_path / 'in.tif', PIXELS, photometric='rgb', extratags=written)
    [problem] = enlarged(tmp_path / 'in.tif').metadata.problems
    assert 'RPC' in problem
