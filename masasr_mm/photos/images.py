"""Images from paths, arrays and Pillow, to what the network takes."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from ..datasets.transforms.decoding import EIGHT_BIT_MODES, decode_rgb
from ..errors import UserError
from ..image_files import orientation_of, turned_upright

ImageInput = str | os.PathLike | np.ndarray | Image.Image


def read_rgb(image: ImageInput) -> np.ndarray:
    """Return an image as 8-bit RGB, upright; transparency is dropped.

    Args:
        image (str | os.PathLike | np.ndarray | PIL.Image.Image): A file, or pixels. Arrays are
            (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, of uint8, or uint16 which is scaled.

    Returns:
        np.ndarray: Shape (H, W, 3), uint8.

    Raises:
        UserError: If the file is missing or damaged, or the array is of another kind.
    """
    if isinstance(image, (str, os.PathLike)):
        return decode_rgb(read_bytes(image), str(image))
    if isinstance(image, Image.Image):
        return _from_pillow(image)
    if isinstance(image, np.ndarray):
        return _from_array(image)
    raise UserError(f'an image must be a path, an array or a PIL image, not {type(image).__name__}')


def read_bytes(path: str | os.PathLike) -> bytes:
    """Return the content of a file.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        bytes: All of it.

    Raises:
        UserError: If there is no such file, or it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'image not found: {path}')
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f'{path}: cannot be read: {error.strerror or error}') from error


def _from_pillow(image: Image.Image) -> np.ndarray:
    """Return the pixels of a Pillow image."""
    if image.mode not in EIGHT_BIT_MODES:
        # The same conversion as for files; PNG holds 16-bit grey without loss.
        content = io.BytesIO()
        try:
            image.save(content, 'PNG')
        except OSError as error:
            raise UserError(f'an image of mode {image.mode} cannot be used; convert it') from error
        return decode_rgb(content.getvalue(), f'image of mode {image.mode}')
    try:
        return np.array(turned_upright(image.convert('RGB'), orientation_of(image)))
    except OSError as error:
        raise UserError(f'the PIL image cannot be read: {error}') from error


def _from_array(image: np.ndarray) -> np.ndarray:
    """Return 8-bit RGB pixels of an array."""
    channels = 1 if image.ndim == 2 else image.shape[-1]
    if (
        image.dtype not in (np.uint8, np.uint16)
        or image.ndim not in (2, 3)
        or channels not in (1, 3, 4)
        or not image.size
    ):
        raise UserError(
            'an image array must be uint8 or uint16 of shape (H, W), (H, W, 3) or (H, W, 4), not '
            f'{image.dtype} of {tuple(image.shape)}'
        )
    image = image.reshape(*image.shape[:2], channels)[..., :3]
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.array(np.broadcast_to(image, (*image.shape[:2], 3)))
