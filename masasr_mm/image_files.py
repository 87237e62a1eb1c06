"""Opening image files: HEIC among them, and with metadata that may be broken."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import ExifTags, Image, ImageOps

from .errors import UserError

HEIF_SUFFIXES = ('.heic', '.heif', '.hif')
"""Endings of files that only pillow-heif reads."""
HEIF_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1')
"""What such files begin with, after 'ftyp'."""


def open_image(content: bytes, name: str) -> Image.Image:
    """Open an image file by what is in it, whatever its name says.

    Args:
        content (bytes): The whole file.
        name (str): Name of the file, for the error message.

    Returns:
        Image.Image: The image, its pixels not yet read.

    Raises:
        UserError: If it is HEIC or HEIF, and the package that reads them is missing.
        OSError: If it is no image.
    """
    try:
        return Image.open(io.BytesIO(content))
    except Image.UnidentifiedImageError:
        if content[4:8] != b'ftyp' or content[8:12] not in HEIF_BRANDS:
            raise
    _let_pillow_read_heif(name)
    return Image.open(io.BytesIO(content))


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an image.

    Args:
        image (Image.Image): As it was opened.

    Returns:
        int: 1 to 8; 1, upright, where there is none or it cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken metadata can end in any error; the pixels may be whole
        return 1


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn pixels as a viewer does.

    Args:
        image (Image.Image): The pixels.
        orientation (int): From :func:`orientation_of`.

    Returns:
        Image.Image: Upright, without metadata.
    """
    plain = Image.fromarray(np.asarray(image))
    plain.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(plain)


def _let_pillow_read_heif(name: str) -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise UserError(
            f'{name}: an HEIC image, which takes one more package to read: pip install pillow-heif'
        ) from error
    pillow_heif.register_heif_opener()
