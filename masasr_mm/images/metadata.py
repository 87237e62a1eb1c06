"""What a photo says of its date, camera, place and print size: EXIF, XMP and resolution."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IFDRational

#: What EXIF says of the pixels as they were stored in the old file, most of it in TIFF files.
#: What is left of it is written anew by the format.
OF_THE_FILE = frozenset(
    (
        *(Base.NewSubfileType, Base.SubfileType, Base.ImageWidth, Base.ImageLength),
        *(Base.BitsPerSample, Base.Compression, Base.PhotometricInterpretation, Base.Thresholding),
        *(Base.FillOrder, Base.StripOffsets, Base.Orientation, Base.SamplesPerPixel),
        *(Base.RowsPerStrip, Base.StripByteCounts, Base.PlanarConfiguration, Base.FreeOffsets),
        *(Base.FreeByteCounts, Base.TransferFunction, Base.Predictor, Base.ColorMap),
        *(Base.TileWidth, Base.TileLength, Base.TileOffsets, Base.TileByteCounts, Base.SubIFDs),
        *(Base.ExtraSamples, Base.SampleFormat, Base.JPEGTables, Base.YCbCrSubSampling),
        *(Base.JpegIFOffset, Base.JpegIFByteCount, Base.YCbCrPositioning, Base.XMLPacket),
        *(Base.InterColorProfile, Base.ImageResources, Base.IPTCNAA, Base.MinSampleValue),
        *(Base.MaxSampleValue, Base.SMinSampleValue, Base.SMaxSampleValue, Base.GrayResponseUnit),
        *(Base.GrayResponseCurve, Base.PageNumber, Base.InkSet, Base.InkNames, Base.DotRange),
        *(Base.NumberOfInks, Base.ReferenceBlackWhite),
        37724,  # Photoshop's layers
    )
)
DETAILS = (IFD.Exif, IFD.GPSInfo)
#: GeoTIFF: where pixels lie on the earth. All but the last can be brought to another size.
PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, RPC = 33550, 33922, 34264, 50844
GEO_KEYS, GEO_DOUBLES, GEO_TEXT = 34735, 34736, 34737
GEO = (PIXEL_SCALE, TIE_POINTS, TRANSFORMATION, RPC, GEO_KEYS, GEO_DOUBLES, GEO_TEXT)
RASTER_TYPE, PIXEL_IS_POINT = 1025, 2
SUBJECT = (37396, Base.SubjectLocation)
#: EXIF's units of resolution: how many of them are an inch.
PER_INCH = {2: 1.0, 3: 2.54}
#: XMP says the same of the pixels, as attributes or as elements; and what is counted in pixels.
XMP_SIZES = (
    rb'(?:exif:PixelXDimension|tiff:ImageWidth|exif:ExifImageWidth)',
    rb'(?:exif:PixelYDimension|tiff:ImageLength|exif:ExifImageHeight)',
)
XMP_SCALED = (
    rb'(?:tiff:XResolution|exif:FocalPlaneXResolution'
    rb'|GPano:(?:FullPanoWidth|CroppedAreaImageWidth|CroppedAreaLeft)Pixels)',
    rb'(?:tiff:YResolution|exif:FocalPlaneYResolution'
    rb'|GPano:(?:FullPanoHeight|CroppedAreaImageHeight|CroppedAreaTop)Pixels)',
)
#: Its orientation, its thumbnails, and a promise of more of it elsewhere in the file.
XMP_DROPPED = rb'(?:tiff:Orientation|x[ma]p:Thumbnails|xmpNote:HasExtendedXMP)'
#: Bytes; a segment of a JPEG file has 65,533 of them, and the name of the part is among them.
LARGEST_IN_JPEG = 65_500


class Metadata(NamedTuple):
    """EXIF and XMP of the photo, upright, without thumbnail; pixels an inch, across and down."""

    exif: bytes | None = None
    xmp: bytes | None = None
    resolution: tuple[float, float] | None = None
    problems: tuple[str, ...] = ()


NO_METADATA = Metadata()
PROGRAM = 'masasr_mm'
"""By which EXIF says that a result is one, so that it is no reference."""


def read_metadata(image: Image.Image) -> Metadata:
    """Read the metadata of an opened image file; what is broken is passed over."""
    problems = []
    exif = _attempt(lambda: _exif(image), 'EXIF', problems)
    xmp = _attempt(lambda: _xmp(image), 'XMP', problems)
    resolution = _attempt(lambda: _resolution(image), 'resolution', [])
    return Metadata(exif, xmp, resolution, tuple(problems))


def resized(metadata: Metadata, size: tuple[int, int], new_size: tuple[int, int]) -> Metadata:
    """Return the metadata of a photo (width, height) for a result of the same print size."""
    factors = (new_size[0] / size[0], new_size[1] / size[1])
    exif, xmp, resolution, problems = metadata
    if exif:
        content = _loaded(exif)
        if problem := _scale_exif(content, factors, new_size):
            problems = (*problems, problem)
        exif = content.tobytes()
    if xmp:
        for length, factor, sizes, scaled in zip(new_size, factors, XMP_SIZES, XMP_SCALED):
            xmp = _replace_numbers(xmp, sizes, lambda _, length=length: length)
            xmp = _replace_numbers(xmp, scaled, lambda old, factor=factor: round(old * factor))
    if resolution:
        resolution = (resolution[0] * factors[0], resolution[1] * factors[1])
    return Metadata(exif, xmp, resolution, problems)


def with_program(metadata: Metadata) -> Metadata:
    """Say in EXIF that the command made a picture."""
    content = _loaded(metadata.exif)
    content[Base.ProcessingSoftware] = PROGRAM
    return metadata._replace(exif=content.tobytes())


def is_made(image: Image.Image) -> bool:
    """Return whether the command made an opened image file, as its EXIF says."""
    found = _attempt(lambda: image.getexif().get(Base.ProcessingSoftware), 'EXIF', [])
    return found == PROGRAM


def fitting(metadata: Metadata, kind: str) -> Metadata:
    """Return what a format, a key of :data:`~masasr_mm.images.io.FORMATS`, can hold of metadata."""
    exif, xmp, resolution, problems = metadata
    if kind != 'tiff' and exif and any(tag in (content := _loaded(exif)) for tag in GEO):
        problems = (*problems, 'its place on the earth (GeoTIFF) fits into TIFF alone, left out')
        for tag in GEO:
            content.pop(tag, None)
        exif = content.tobytes()
    if kind == 'webp' and resolution:  # which has no other place for it
        content = _loaded(exif)
        content[Base.XResolution], content[Base.YResolution] = map(IFDRational, resolution)
        content[Base.ResolutionUnit] = 2
        exif = content.tobytes()
    fitted = Metadata(exif, xmp, resolution, problems)
    for name in ('exif', 'xmp') if kind == 'jpg' else ():
        if len(getattr(fitted, name) or b'') > LARGEST_IN_JPEG:
            problem = f'its {name.upper()} is more than a JPEG file can hold and left out'
            fitted = fitted._replace(**{name: None}, problems=(*fitted.problems, problem))
    return fitted


def _attempt(read: Callable[[], Any], name: str, problems: list[str]) -> Any:
    """Return what is read; where that fails, None, and add the reason to the problems."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error')  # by which Pillow says that a part is cut off
            return read()
    except Exception as error:  # broken metadata can end in any error
        reason = ' '.join(str(error).split()) or type(error).__name__
        problems.append(f'its {name} is broken and left out ({reason})')
        return None


def _exif(image: Image.Image) -> bytes | None:
    """Return the EXIF block of the photo in an image file."""
    if block := image.info.get('exif'):
        source = Image.Exif()
        source.load(block)  # anew: while it opens a file, Pillow may have passed over an error
    else:
        source = image.getexif()
    kept = Image.Exif()
    for tag, value in source.items():
        if tag not in OF_THE_FILE and tag not in DETAILS:
            kept[tag] = value
    lying = source.get(Base.Orientation, 1) != 1
    for part, details in _parts(source).items():
        if lying:  # places in the pixels as they were stored
            for tag in SUBJECT:
                details.pop(tag, None)
        kept[part] = details
    return kept.tobytes() if len(kept) else None


def _resolution(image: Image.Image) -> tuple[float, float] | None:
    """Return the pixels an inch that an image file gives, across and down."""
    # Where a file does not give it, Pillow says 72 of JPEG and 1 of TIFF.
    silent = image.format in ('JPEG', 'MPO') and image.info.get('jfif_unit') not in (1, 2)
    if image.format == 'TIFF':
        silent = not {Base.XResolution, Base.YResolution} <= set(image.tag_v2)
    found = None if silent else image.info.get('dpi')
    if found is None:
        exif = image.getexif()
        per_inch = PER_INCH.get(exif.get(Base.ResolutionUnit, 2))
        values = exif.get(Base.XResolution), exif.get(Base.YResolution)
        if per_inch is None or None in values:
            return None
        found = [float(value) * per_inch for value in values]
    found = tuple(map(float, found))
    return found if all(math.isfinite(v) and v > 0 for v in found) else None


def _loaded(exif: bytes | None) -> Image.Exif:
    content = Image.Exif()
    content.load(exif or b'')
    return content


def _scale_exif(
    content: Image.Exif, factors: tuple[float, float], size: tuple[int, int]
) -> str | None:
    """Bring what EXIF counts in pixels to another size; say what could not be."""
    details = _parts(content).get(IFD.Exif, {})
    for tag, length in zip((Base.ExifImageWidth, Base.ExifImageHeight), size):
        if tag in details:
            details[tag] = length
    across_and_down = (
        (content, (Base.XResolution, Base.YResolution)),
        (details, (Base.FocalPlaneXResolution, Base.FocalPlaneYResolution)),
    )
    for where, tags in across_and_down:
        for tag, factor in zip(tags, factors):
            if tag in where:
                where[tag] = IFDRational(float(where[tag]) * factor)
    for tag in SUBJECT:
        if tag in details:  # x, y, and a width or a diameter and a height
            pairs = zip(details[tag], (*factors, *factors))
            details[tag] = tuple(round(value * factor) for value, factor in pairs)
    if details:
        content[IFD.Exif] = details
    description = content.get(Base.ImageDescription)
    if isinstance(description, str) and '<OME' in description:
        del content[Base.ImageDescription]
        return 'its OME-XML, which is of the pixels as they were, is left out'
    return _scale_place(content, factors)


def _scale_place(content: Image.Exif, factors: tuple[float, float]) -> str | None:
    """Bring where pixels lie on the earth (GeoTIFF) to another size; say what could not be."""
    keys = content.get(GEO_KEYS, ())
    entries = [keys[index : index + 4] for index in range(4, len(keys) - 3, 4)]
    at_centers = any(entry[0] == RASTER_TYPE and entry[3] == PIXEL_IS_POINT for entry in entries)
    # From the result's places in the raster to the photo's.
    old = np.diag([1 / factors[0], 1 / factors[1], 1, 1])
    if at_centers:
        old[:2, 3] = [0.5 / factor - 0.5 for factor in factors]
    if PIXEL_SCALE in content:
        scale = content[PIXEL_SCALE]
        content[PIXEL_SCALE] = (scale[0] / factors[0], scale[1] / factors[1], *scale[2:])
    if TIE_POINTS in content:
        points = np.array(content[TIE_POINTS], float).reshape(-1, 6)
        points[:, :2] = (points[:, :2] - old[:2, 3]) * factors
        content[TIE_POINTS] = tuple(points.ravel().tolist())
    if TRANSFORMATION in content:
        matrix = np.array(content[TRANSFORMATION], float).reshape(4, 4) @ old
        content[TRANSFORMATION] = tuple(matrix.ravel().tolist())
    if RPC in content:
        del content[RPC]
        return 'its place on the earth by RPC, which is of the pixels as they were, is left out'
    return None


def _replace_numbers(xmp: bytes, names: bytes, new: Callable[[int], int]) -> bytes:
    """Return XMP with other whole numbers, or numerators, in attributes and elements."""

    def replaced(found: re.Match) -> bytes:
        return b'%s%d' % (found[1], new(int(found[2])))

    xmp = re.sub(rb'(\b%s\s*=\s*["\'])(\d+)' % names, replaced, xmp)
    return re.sub(rb'(<%s>\s*)(\d+)' % names, replaced, xmp)


def _parts(exif: Image.Exif) -> dict[int, dict]:
    """Return the parts of an EXIF block that have tags of their own, where it has them."""
    parts = {part: dict(exif.get_ifd(part)) for part in DETAILS if part in exif}
    for details in parts.values():
        details.pop(IFD.Interop, None)  # which Pillow would lose in TIFF files
    return parts


def _xmp(image: Image.Image) -> bytes | None:
    """Return the XMP packet of the photo in an image file."""
    xmp = image.info.get('xmp') or image.info.get('XML:com.adobe.xmp')
    if not xmp:
        return None
    xmp = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    if b'<rdf:RDF' not in xmp:
        raise ValueError('no RDF in it')
    xmp = re.sub(rb'\s*\b%s\s*=\s*("[^"]*"|\'[^\']*\')' % XMP_DROPPED, b'', xmp)
    return re.sub(rb'<(%s)\b[^>]*>.*?</\1>' % XMP_DROPPED, b'', xmp, flags=re.DOTALL)
