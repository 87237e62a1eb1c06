"""What a photo tells of its date, camera and place: EXIF and XMP."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import NamedTuple

from PIL import Image
from PIL.ExifTags import IFD, Base

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
        *(Base.InterColorProfile, Base.ImageResources, Base.IPTCNAA),
    )
)
DETAILS = (IFD.Exif, IFD.GPSInfo)
#: XMP says the same of the pixels, as attributes or as elements.
XMP_WIDTH = rb'(?:exif:PixelXDimension|tiff:ImageWidth|exif:ExifImageWidth)'
XMP_HEIGHT = rb'(?:exif:PixelYDimension|tiff:ImageLength|exif:ExifImageHeight)'
#: Its orientation, its thumbnails, and a promise of more of it elsewhere in the file.
XMP_DROPPED = (
    rb'tiff:Orientation',
    rb'xmp:Thumbnails',
    rb'xap:Thumbnails',
    rb'xmpNote:HasExtendedXMP',
)
#: Bytes; a segment of a JPEG file has 65,533 of them, and the name of the part is among them.
LARGEST_IN_JPEG = 65_500


class Metadata(NamedTuple):
    """EXIF and XMP of a photo.

    Attributes:
        exif (bytes | None): An EXIF block as Pillow takes it: of the photo, not of its file, so
            that it has no orientation and no thumbnail.
        xmp (bytes | None): An XMP packet, likewise.
        problems (tuple[str, ...]): What was there and is left out, and why.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    problems: tuple[str, ...] = ()

    @property
    def has_details(self) -> bool:
        """bool: Whether its EXIF has parts of its own, such as that on the place."""
        exif = Image.Exif()
        if self.exif:
            exif.load(self.exif)
        return any(part in exif for part in DETAILS)


NO_METADATA = Metadata()


def read_metadata(image: Image.Image) -> Metadata:
    """Read the metadata of an image file; what is broken is passed over.

    Args:
        image (Image.Image): As it was opened.

    Returns:
        Metadata: With a problem for each part that cannot be read.
    """
    exif, *problems = _attempt(lambda: _exif(image), 'EXIF')
    xmp, *others = _attempt(lambda: _xmp(image), 'XMP')
    return Metadata(exif, xmp, (*problems, *others))


def resized(metadata: Metadata, width: int, height: int) -> Metadata:
    """Return metadata that tells the size of a result.

    Args:
        metadata (Metadata): Of the photo.
        width (int): Pixels of the result.
        height (int): Pixels of the result.

    Returns:
        Metadata: The same, but for the sizes in it.
    """
    exif, xmp = metadata.exif, metadata.xmp
    if exif:
        content = Image.Exif()
        content.load(exif)
        details = _parts(content).get(IFD.Exif, {})
        for tag, size in ((Base.ExifImageWidth, width), (Base.ExifImageHeight, height)):
            if tag in details:
                content[IFD.Exif] = details
                details[tag] = size
        exif = content.tobytes()
    if xmp:
        for name, size in ((XMP_WIDTH, width), (XMP_HEIGHT, height)):
            told = rb'\g<1>%d' % size
            xmp = re.sub(rb'(\b%s\s*=\s*["\'])\d+' % name, told, xmp)
            xmp = re.sub(rb'(<%s>\s*)\d+' % name, told, xmp)
    return metadata._replace(exif=exif, xmp=xmp)


def fitting(metadata: Metadata, kind: str) -> Metadata:
    """Return what a format can hold of metadata.

    Args:
        metadata (Metadata): Of the photo.
        kind (str): A key of :data:`~masasr_mm.images.io.FORMATS`.

    Returns:
        Metadata: With a problem for each part that is left out.
    """
    if kind != 'jpg':
        return metadata
    problems = list(metadata.problems)
    parts = metadata._asdict()
    for name in ('exif', 'xmp'):
        if parts[name] and len(parts[name]) > LARGEST_IN_JPEG:
            problems.append(f'its {name.upper()} is more than a JPEG file can hold and left out')
            parts[name] = None
    return Metadata(parts['exif'], parts['xmp'], tuple(problems))


def _attempt(read: Callable[[], bytes | None], name: str) -> tuple:
    """Return what is read; where that fails, None and the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error')  # by which Pillow says that a part is cut off
            return (read(),)
    except Exception as error:  # broken metadata can end in any error
        reason = ' '.join(str(error).split()) or type(error).__name__
        return None, f'its {name} is broken and left out ({reason})'


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
    for part, details in _parts(source).items():
        kept[part] = details
    return kept.tobytes() if len(kept) else None


def _parts(exif: Image.Exif) -> dict[int, dict]:
    """Return the parts of an EXIF block that have tags of their own, where it has them.

    Their mark of interoperability is left out, which Pillow would lose in TIFF files.
    """
    parts = {part: dict(exif.get_ifd(part)) for part in DETAILS if part in exif}
    for details in parts.values():
        details.pop(IFD.Interop, None)
    return parts


def _xmp(image: Image.Image) -> bytes | None:
    """Return the XMP packet of the photo in an image file."""
    xmp = image.info.get('xmp') or image.info.get('XML:com.adobe.xmp')
    if not xmp:
        return None
    xmp = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
    if b'<rdf:RDF' not in xmp:
        raise ValueError('no RDF in it')
    for name in XMP_DROPPED:
        xmp = re.sub(rb'\s*\b%s\s*=\s*("[^"]*"|\'[^\']*\')' % name, b'', xmp)
        xmp = re.sub(rb'<%s\b[^>]*>.*?</%s>' % (name, name), b'', xmp, flags=re.DOTALL)
    return xmp
