"""Image files of any common kind to 8-bit RGB."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from masasr_mm.errors import BrokenFileError, UserError
from masasr_mm.image_files import open_image, orientation_of, turned_upright

EIGHT_BIT_MODES = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBa', 'RGBX', 'CMYK', 'YCbCr')
"""Pillow's modes with at most 8 bits a channel that have one meaning as RGB."""
SIXTEEN_BIT_MODES = ('I;16', 'I;16L', 'I;16B', 'I;16N')
"""Pillow's modes of 16-bit grey."""
TIFF_BITS_PER_SAMPLE = 258


def decode_rgb(content: bytes, name: str) -> np.ndarray:
    """Return the pixels of an image file as 8-bit RGB, upright as a viewer shows it.

    The EXIF orientation is applied, if it can be read. Grey, palette and CMYK images become RGB,
    alpha is dropped (the colours under it stay as they are stored), 16-bit grey and RGB become
    round(v / 257). Of several frames the first is taken.

    Args:
        content (bytes): The whole file: PNG, JPEG, TIFF, HEIC or what else Pillow reads, with
            pillow-heif. What its name ends in does not matter.
        name (str): Name of the file, for the error message.

    Returns:
        np.ndarray: Pixels of shape (H, W, 3), dtype uint8, contiguous and writable.

    Raises:
        BrokenFileError: If the file is empty, truncated, no image, too large to be an honest image
            (Pillow's limit), or has floating point or other uncommon pixels.
        UserError: If it is HEIC, and pillow-heif is not installed.

    Examples:
        >>> from pathlib import Path
        >>> decode_rgb(Path('photo.jpg').read_bytes(), 'photo.jpg').shape
        (480, 640, 3)
    """
    if not content:
        raise BrokenFileError(f'{name}: the image file is empty')
    try:
        return _decode(content, name)
    except UserError:
        raise
    except Image.UnidentifiedImageError as error:
        raise BrokenFileError(f'{name}: not an image, or of an unknown format') from error
    except Exception as error:  # a broken file can end in any error of the libraries
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise BrokenFileError(f'{name}: cannot be read as an image: {reason}') from error


def _decode(content: bytes, name: str) -> np.ndarray:
    """Return the upright 8-bit RGB pixels of an image file, or fail in any way."""
    with open_image(content, name) as image:
        has_deep_colour = _has_deep_colour(image, content)
        image.load()
        # Pillow and OpenCV turn TIFF images upright themselves; Pillow forgets the tag then.
        orientation = orientation_of(image)
        rgb = Image.fromarray(_read_deep_colour(content)) if has_deep_colour else _to_rgb(image)
    return np.array(turned_upright(rgb, orientation))


def _has_deep_colour(image: Image.Image, content: bytes) -> bool:
    """Whether Pillow would cut 16-bit pixels of this file to their upper byte."""
    if image.format == 'PNG':
        bit_depth = content[24]  # of the header chunk, which comes first in every PNG file
        return bit_depth == 16
    if image.format == 'TIFF' and image.mode in ('RGB', 'RGBA', 'RGBX'):
        return set(image.tag_v2.get(TIFF_BITS_PER_SAMPLE, ())) == {16}
    return False


def _read_deep_colour(content: bytes) -> np.ndarray:
    """Return the 8-bit RGB pixels of a 16-bit PNG or TIFF file, read by OpenCV."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError('16-bit pixels in a form that OpenCV cannot read')
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    to_rgb = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}[channels]
    return cv2.cvtColor(_to_eight_bit(pixels), to_rgb)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return an image that Pillow has read whole as 8-bit RGB."""
    if image.mode in SIXTEEN_BIT_MODES:
        image = Image.fromarray(_to_eight_bit(np.asarray(image)))
    elif image.mode not in EIGHT_BIT_MODES:
        raise ValueError(f'pixels of the kind {image.mode}; save it with 8 or 16 bits a channel')
    if image.mode in ('P', 'PA'):
        image = image.convert('RGBA')  # the step that Pillow asks for where a palette has alpha
    return image.convert('RGB')


def _to_eight_bit(pixels: np.ndarray) -> np.ndarray:
    """Return round(v / 257) of 16-bit values; 257 is odd, so nothing lies half-way."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
