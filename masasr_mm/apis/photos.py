"""Photo files with what belongs to them besides RGB: transparency, colour profile, greyness."""

from __future__ import annotations

import io
import os
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ..datasets.transforms.decoding import SIXTEEN_BIT_MODES, decode_rgb
from ..errors import UserError
from ..files import written_whole
from .images import read_bytes

#: What can be written: the name on the command line, and Pillow's name.
FORMATS = dict(png='PNG', jpg='JPEG', webp='WEBP', tiff='TIFF')
SUFFIXES = {
    '.png': 'png',
    '.jpg': 'jpg',
    '.jpeg': 'jpg',
    '.webp': 'webp',
    '.tif': 'tiff',
    '.tiff': 'tiff',
}
GREY_MODES = ('1', 'L', 'LA', *SIXTEEN_BIT_MODES)
PROFILE_SPACE = slice(16, 20)  # of an ICC profile: the colour space of the pixels


class Photo(NamedTuple):
    """A photo as it was read.

    Attributes:
        rgb (np.ndarray): Pixels, upright, shape (H, W, 3), uint8.
        alpha (np.ndarray | None): Opacity, shape (H, W), uint8; None if the file has none.
        icc_profile (bytes | None): Colour profile, if it fits pixels of this kind.
        grey (bool): Whether the file holds grey pixels.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None
    icc_profile: bytes | None
    grey: bool


def read_photo(path: str | os.PathLike) -> Photo:
    """Read a photo of any size, mode and format that Pillow reads.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        Photo: Its pixels and what belongs to them.

    Raises:
        UserError: If the file is missing, damaged or no image.
    """
    content = read_bytes(path)
    rgb = decode_rgb(content, str(path))
    try:
        with Image.open(io.BytesIO(content)) as image:
            grey = image.mode in GREY_MODES
            return Photo(rgb, _alpha(image), _profile(image, grey), grey)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f'{path}: its transparency cannot be read: {error}') from error


def super_resolved(photo: Photo, rgb: np.ndarray) -> Photo:
    """Return the photo in its new size: new pixels, the rest from the old.

    Args:
        photo (Photo): The LR photo.
        rgb (np.ndarray): The SR pixels, shape (scale·H, scale·W, 3), uint8.

    Returns:
        Photo: With the opacity enlarged bicubically, and the same profile and greyness.
    """
    if photo.alpha is None:
        return photo._replace(rgb=rgb)
    size = (rgb.shape[1], rgb.shape[0])
    alpha = Image.fromarray(photo.alpha).resize(size, Image.Resampling.BICUBIC)
    return photo._replace(rgb=rgb, alpha=np.asarray(alpha))


def write_photo(photo: Photo, path: str | os.PathLike, kind: str, quality: int = 95) -> None:
    """Write a photo, whole or not at all.

    Grey photos are written grey. JPEG has no transparency: there the photo is laid over white.

    Args:
        photo (Photo): The photo.
        path (str | os.PathLike): The file; its folder is made if needed.
        kind (str): A key of :data:`FORMATS`.
        quality (int): Of JPEG and WebP, 1 to 100. Default: 95.

    Raises:
        UserError: If it cannot be written.
    """
    image = Image.fromarray(photo.rgb)
    if photo.grey:
        image = image.convert('L')
    if photo.alpha is not None:
        image = _with_alpha(image, Image.fromarray(photo.alpha), kind)
    options = dict(
        png=dict(),
        jpg=dict(quality=quality, subsampling=0),
        webp=dict(quality=quality),
        tiff=dict(compression='tiff_deflate'),
    )[kind]
    with written_whole(path) as temporary:
        try:
            image.save(temporary, FORMATS[kind], icc_profile=photo.icc_profile, **options)
        except ValueError as error:  # such as more pixels than WebP can hold
            raise UserError(f'cannot write {path}: {error}') from error


def write_picture(rgb: np.ndarray, path: str | os.PathLike) -> None:
    """Write a drawn picture as PNG, whole or not at all.

    Args:
        rgb (np.ndarray): Shape (H, W, 3), uint8.
        path (str | os.PathLike): The file.

    Raises:
        UserError: If it cannot be written.
    """
    write_photo(Photo(rgb, alpha=None, icc_profile=None, grey=False), path, 'png')


def _with_alpha(image: Image.Image, alpha: Image.Image, kind: str) -> Image.Image:
    """Return the image with its opacity, or over white where the format has none."""
    if kind == 'jpg':
        white = Image.new(image.mode, image.size, 'white')
        return Image.composite(image, white, alpha)
    image.putalpha(alpha)
    return image


def _alpha(image: Image.Image) -> np.ndarray | None:
    """Return the opacity of an image, upright, if it has any."""
    with_key_colour = 'transparency' in image.info and image.mode in ('1', 'L', 'P', 'RGB')
    if not with_key_colour and image.mode not in ('LA', 'La', 'PA', 'RGBA', 'RGBa'):
        return None
    image.load()
    upright = ImageOps.exif_transpose(image)
    return np.array(upright.convert('RGBA').getchannel('A'))


def _profile(image: Image.Image, grey: bool) -> bytes | None:
    """Return the colour profile if it is one for the pixels that will be written."""
    profile = image.info.get('icc_profile')
    space = b'GRAY' if grey else b'RGB '
    return profile if profile and profile[PROFILE_SPACE] == space else None
