"""Image files, for all of the project: looking at headers, reading, writing."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngInfo

from ..errors import BrokenFileError, UserError
from ..files import written_whole
from .metadata import NO_METADATA, Metadata, fitting, read_metadata, resized

ImageInput = str | os.PathLike | np.ndarray | Image.Image

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
#: Endings of files that only pillow-heif reads, and what such files begin with after 'ftyp'.
HEIF_SUFFIXES = ('.heic', '.heif', '.hif')
HEIF_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1')
#: Pillow's modes with at most 8 bits a channel that have one meaning as RGB.
EIGHT_BIT_MODES = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBa', 'RGBX', 'CMYK', 'YCbCr')
#: Pillow's modes of 16-bit grey.
SIXTEEN_BIT_MODES = ('I;16', 'I;16L', 'I;16B', 'I;16N')
GREY_MODES = ('1', 'L', 'LA', *SIXTEEN_BIT_MODES)
PROFILE_SPACE = slice(16, 20)  # of an ICC profile: the colour space of the pixels


class Header(NamedTuple):
    """What an image file says of itself before its pixels are decoded.

    Attributes:
        width (int): Pixels, upright.
        height (int): Pixels, upright.
        mode (str): Pillow's mode.
        frames (int): Pages of a TIFF file or pictures of an animation; 1 for most.
        format (str): Pillow's name of the format.
    """

    width: int
    height: int
    mode: str
    frames: int
    format: str


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


def read_header(path: str | os.PathLike) -> Header:
    """Return size, mode and number of frames of an image file without decoding its pixels.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        Header: Upright, as :func:`read_photo` gives the pixels.

    Raises:
        UserError: If the file is missing or no image.
    """
    if not Path(path).is_file():
        raise UserError(f'image not found: {path}')
    try:
        with _open(path, str(path)) as image:
            width, height = image.size
            # Pillow decodes a whole PNG file to look for an orientation behind the pixels.
            if (image.format != 'PNG' or 'exif' in image.info) and _orientation(image) > 4:
                width, height = height, width
            return Header(width, height, image.mode, getattr(image, 'n_frames', 1), image.format)
    except Exception as error:
        raise _unreadable(str(path), error) from error


def read_photo(path: str | os.PathLike) -> Photo:
    """Read a photo of any size, mode and format that Pillow, with pillow-heif, reads.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        Photo: Its pixels and what belongs to them.

    Raises:
        UserError: If the file is missing, damaged or no image. Broken metadata is no error.
    """
    return decode_photo(read_bytes(path), str(path))


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
    return _decode(content, name, pixels_only=True).rgb


def decode_photo(content: bytes, name: str) -> Photo:
    """Return the photo of a whole file, as :func:`read_photo` does; `name` is for errors."""
    return _decode(content, name, pixels_only=False)


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


def _open(file: str | os.PathLike | io.BytesIO, name: str) -> Image.Image:
    """Open an image file by what is in it, whatever its name says; its pixels are not read yet."""
    try:
        return Image.open(file)
    except Image.UnidentifiedImageError:
        start = file.getvalue()[:12] if isinstance(file, io.BytesIO) else _first_bytes(file)
        if start[4:8] != b'ftyp' or start[8:12] not in HEIF_BRANDS:
            raise
    try:
        import pillow_heif
    except ImportError as error:
        raise UserError(
            f'{name}: an HEIC image, which takes one more package to read: pip install pillow-heif'
        ) from error
    pillow_heif.register_heif_opener()
    return Image.open(file)


def _first_bytes(path: str | os.PathLike) -> bytes:
    with open(path, 'rb') as file:
        return file.read(12)


def _unreadable(name: str, error: Exception) -> UserError:
    """Return the one line for whatever a file made the libraries raise."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, Image.UnidentifiedImageError):
        return BrokenFileError(f'{name}: not an image, or of an unknown format')
    reason = ' '.join(str(error).split()) or type(error).__name__
    return BrokenFileError(f'{name}: cannot be read as an image: {reason}')


def _decode(content: bytes, name: str, pixels_only: bool) -> Photo:
    """Return a photo, or its upright 8-bit RGB pixels alone."""
    if not content:
        raise BrokenFileError(f'{name}: the image file is empty')
    try:
        with _open(io.BytesIO(content), name) as image:
            metadata = NO_METADATA if pixels_only else read_metadata(image)
            profile = _profile(image)
            deep = _has_deep_colour(image, content)
            image.load()
            # Pillow and OpenCV turn TIFF images upright themselves; Pillow forgets the tag then.
            orientation = _orientation(image)
            rgb = Image.fromarray(_read_deep_colour(content)) if deep else _to_rgb(image)
            alpha = None if pixels_only else _alpha(image, orientation)
            grey = image.mode in GREY_MODES
            return Photo(_upright(rgb, orientation), alpha, profile, grey, metadata)
    except Exception as error:  # a broken file can end in any error of the libraries
        raise _unreadable(name, error) from error


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where there is none or it is unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken metadata can end in any error; the pixels may be whole
        return 1


def _upright(image: Image.Image, orientation: int) -> np.ndarray:
    """Return writable pixels, turned as a viewer does."""
    pixels = np.array(image)
    if orientation == 1:
        return pixels
    plain = Image.fromarray(pixels)
    plain.getexif()[ExifTags.Base.Orientation] = orientation
    return np.array(ImageOps.exif_transpose(plain))


def _has_deep_colour(image: Image.Image, content: bytes) -> bool:
    """Whether Pillow would cut 16-bit pixels of this file to their upper byte."""
    if image.format == 'PNG':
        bit_depth = content[24]  # of the header chunk, which comes first in every PNG file
        return bit_depth == 16
    if image.format == 'TIFF' and image.mode in ('RGB', 'RGBA', 'RGBX'):
        return set(image.tag_v2.get(Base.BitsPerSample, ())) == {16}
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


def _alpha(image: Image.Image, orientation: int) -> np.ndarray | None:
    """Return the opacity of an image, upright, if it has any."""
    with_key_colour = 'transparency' in image.info and image.mode in ('1', 'L', 'P', 'RGB')
    if not with_key_colour and image.mode not in ('LA', 'La', 'PA', 'RGBA', 'RGBa'):
        return None
    return _upright(image.convert('RGBA').getchannel('A'), orientation)


def _profile(image: Image.Image) -> bytes | None:
    """Return the colour profile if it is one for the pixels that will be written."""
    profile = image.info.get('icc_profile')
    space = b'GRAY' if image.mode in GREY_MODES else b'RGB '
    return profile if profile and profile[PROFILE_SPACE] == space else None


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
        return _upright(image.convert('RGB'), _orientation(image))
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
        image = _to_eight_bit(image)
    return np.array(np.broadcast_to(image, (*image.shape[:2], 3)))


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
