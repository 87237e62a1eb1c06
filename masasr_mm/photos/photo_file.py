"""Photo files with what belongs to them besides RGB: transparency, colours, date and place."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngInfo

from ..datasets.transforms.decoding import SIXTEEN_BIT_MODES, decode_rgb
from ..errors import UserError
from ..files import written_whole
from ..image_files import open_image, orientation_of, turned_upright
from .images import read_bytes
from .metadata import NO_METADATA, Metadata, fitting, read_metadata, resized

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
        metadata (Metadata): EXIF and XMP.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None
    icc_profile: bytes | None
    grey: bool
    metadata: Metadata = NO_METADATA


def read_photo(path: str | os.PathLike) -> Photo:
    """Read a photo of any size, mode and format that Pillow, with pillow-heif, reads.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        Photo: Its pixels and what belongs to them.

    Raises:
        UserError: If the file is missing, damaged or no image. Broken metadata is no error.
    """
    content = read_bytes(path)
    rgb = decode_rgb(content, str(path))
    try:
        with open_image(content, str(path)) as image:
            grey = image.mode in GREY_MODES
            metadata = read_metadata(image)
            return Photo(rgb, _alpha(image), _profile(image, grey), grey, metadata)
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f'{path}: its transparency cannot be read: {error}') from error


def super_resolved(photo: Photo, rgb: np.ndarray) -> Photo:
    """Return the photo in its new size: new pixels, the rest from the old.

    Args:
        photo (Photo): The LR photo.
        rgb (np.ndarray): The SR pixels, shape (scale·H, scale·W, 3), uint8.

    Returns:
        Photo: With the opacity enlarged bicubically, the same profile and greyness, and the same
        metadata but for the sizes in it.
    """
    height, width = rgb.shape[:2]
    alpha = photo.alpha
    if alpha is not None:
        image = Image.fromarray(alpha).resize((width, height), Image.Resampling.BICUBIC)
        alpha = np.asarray(image)
    metadata = resized(photo.metadata, width, height)
    return photo._replace(rgb=rgb, alpha=alpha, metadata=metadata)


def write_photo(photo: Photo, path: str | os.PathLike, kind: str, quality: int = 95) -> None:
    """Write a photo, whole or not at all.

    Grey photos are written grey. JPEG has no transparency: there the photo is laid over white.
    A TIFF file is compressed, except where its EXIF has parts of its own, such as that on the
    place, which the compressing library cannot write.

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
    options.update(_metadata_options(fitting(photo.metadata, kind), kind))
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


def _metadata_options(metadata: Metadata, kind: str) -> dict[str, Any]:
    """Return how Pillow is told what to write besides the pixels."""
    options = {}
    if metadata.exif:
        options['exif'] = metadata.exif
    if metadata.xmp and kind in ('jpg', 'webp'):
        options['xmp'] = metadata.xmp
    if metadata.xmp and kind == 'png':
        options['pnginfo'] = PngInfo()
        options['pnginfo'].add_itxt('XML:com.adobe.xmp', metadata.xmp.decode(errors='replace'))
    if kind == 'tiff':
        options['tiffinfo'] = tags = Image.Exif()
        tags.load(options.pop('exif', b''))
        if metadata.xmp:
            tags[Base.XMLPacket] = metadata.xmp
        if metadata.has_details:
            options['compression'] = None  # libtiff, which compresses, cannot write them
    return options


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
    orientation = orientation_of(image)  # TIFF images are turned already, and know it now
    alpha = image.convert('RGBA').getchannel('A')
    return np.array(turned_upright(alpha, orientation))


def _profile(image: Image.Image, grey: bool) -> bytes | None:
    """Return the colour profile if it is one for the pixels that will be written."""
    profile = image.info.get('icc_profile')
    space = b'GRAY' if grey else b'RGB '
    return profile if profile and profile[PROFILE_SPACE] == space else None
