"""Files with 16 bits that Pillow does not read or write: PNG and TIFF."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import putchunk
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .metadata import DETAILS, OF_THE_FILE

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
PNG_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
#: What is kept of the pixels as they are stored: how they lie, XMP, profile, range.
KEPT_TAGS = (
    *(Base.Orientation, Base.XMLPacket, Base.InterColorProfile, Base.MinSampleValue),
    *(Base.MaxSampleValue, Base.SMinSampleValue, Base.SMaxSampleValue),
)
STRIP = 1 << 20
"""Bytes that are compressed at once."""


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the data of the chunks of a PNG file before its pixels."""
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(content):
        length, name = struct.unpack_from('>I4s', content, position)
        if name == b'IDAT':
            return
        yield name, content[position + 8 : position + 8 + length]
        position += 12 + length


def write_deep_png(path: str | os.PathLike, samples: np.ndarray, **options: Any) -> None:
    """Write pixels (H, W, 1 to 4) uint16 as PNG, with Pillow's options for what belongs to them."""
    height, width, count = samples.shape
    stand_in = io.BytesIO()  # Pillow writes all that is not pixels
    Image.new('L', (1, 1)).save(stand_in, 'PNG', **options)
    with open(path, 'wb') as file:
        file.write(PNG_SIGNATURE)
        header = (width, height, 16, PNG_COLOR_TYPES[count], 0, 0, 0)
        putchunk(file, b'IHDR', struct.pack('>IIBBBBB', *header))
        for name, data in png_chunks(stand_in.getvalue()):
            if name != b'IHDR':
                putchunk(file, name, data)
        compressor = zlib.compressobj()
        for rows in _strips(samples):
            stored = rows.astype('>u2').view(np.uint8).reshape(len(rows), -1)
            filtered = np.ones((len(rows), 1 + stored.shape[1]), np.uint8)  # 1: 'Sub'
            filtered[:, 1:] = stored
            filtered[:, 1 + 2 * count :] -= stored[:, : -2 * count]
            putchunk(file, b'IDAT', compressor.compress(filtered.tobytes()))
        putchunk(file, b'IDAT', compressor.flush())
        putchunk(file, b'IEND', b'')


def tiff_size(file: BinaryIO) -> tuple[int, int]:
    """Return width and height, upright, of a TIFF file's first page without decoding it."""
    directory = ImageFileDirectory_v2(file.read(8))
    file.seek(directory.next)
    directory.load(file)
    size = directory[Base.ImageWidth], directory[Base.ImageLength]
    return size[::-1] if directory.get(Base.Orientation, 1) > 4 else size


def rgba_tiff(content: bytes) -> bytes | None:
    """Return a TIFF file of 16-bit grey and opacity, or of colours in planes, as one of RGB(A)."""
    exif = Image.Exif()
    exif.load(content)
    if set(exif.get(Base.BitsPerSample, ())) != {16}:
        return None
    import tifffile

    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        page = tiff.pages[0]
        if page.dtype != np.uint16:
            return None
        samples = np.moveaxis(page.asarray(), page.axes.index('S'), -1)
    if samples.shape[-1] == 2:
        samples = samples[..., [0, 0, 0, 1]]
    buffer = io.BytesIO()
    tags = {tag: value for tag, value in exif.items() if tag in KEPT_TAGS or tag not in OF_THE_FILE}
    tags.update({part: exif.get_ifd(part) for part in DETAILS if part in exif})
    write_tiff(buffer, samples, None, tags)
    return buffer.getvalue()


def write_tiff(
    file: BinaryIO, samples: np.ndarray, exif: bytes | None, tags: dict[int, Any]
) -> None:
    """Write pixels (H, W, 1 to 4) uint8 or uint16 as TIFF, compressed, with EXIF and more tags.

    Pillow writes neither 16 bits in colour nor, compressed, what EXIF says of camera and place.
    """
    height, width, count = samples.shape
    content = Image.Exif()
    content.load(exif or b'')
    directory = ImageFileDirectory_v2(prefix=b'II')
    for tag, value in content.items():
        directory[tag] = dict(content.get_ifd(tag)) if tag in DETAILS else value
    for tag, value in tags.items():
        directory[tag] = value
    strips, rows_per_strip = [], 0
    for rows in _strips(samples):
        rows_per_strip = rows_per_strip or len(rows)
        differences = rows.astype(rows.dtype.newbyteorder('<'))
        differences[:, 1:] -= rows[:, :-1]
        strips.append(zlib.compress(differences.tobytes()))
    directory[Base.ImageWidth], directory[Base.ImageLength] = width, height
    directory[Base.BitsPerSample] = (8 * samples.itemsize,) * count
    directory[Base.SamplesPerPixel] = count
    directory[Base.PhotometricInterpretation] = 1 if count < 3 else 2
    if count in (2, 4):
        directory[Base.ExtraSamples] = 2  # opacity that colours are not multiplied with
    directory[Base.Compression], directory[Base.Predictor] = 8, 2  # deflate; differences in rows
    directory[Base.PlanarConfiguration] = 1
    directory[Base.RowsPerStrip] = rows_per_strip
    lengths = [len(strip) for strip in strips]
    directory[Base.StripByteCounts] = tuple(lengths)
    directory.tagtype[Base.StripByteCounts] = 4
    # Pillow adds where the directory ends.
    directory[Base.StripOffsets] = tuple(np.cumsum([0, *lengths[:-1]]).tolist())
    try:
        directory.save(file)
        file.writelines(strips)
    except struct.error as error:
        raise ValueError('it has more than the 4 GB of a TIFF file; take PNG') from error


def _strips(samples: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of an image, about :data:`STRIP` bytes at a time."""
    step = max(1, STRIP // samples[0].nbytes)
    for row in range(0, len(samples), step):
        yield samples[row : row + step]
