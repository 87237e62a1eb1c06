"""Image files, for all of the project: looking at headers, reading, writing."""

from __future__ import annotations

import io
import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageCms
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngInfo

from ..errors import BrokenFileError, UserError
from ..files import written_whole
from .color import cmyk_to_srgb, convert, has_hdr_curve, png_color_chunks, png_profile
from .encoding import rgba_tiff, tiff_size, write_deep_png, write_tiff
from .metadata import NO_METADATA, Metadata, fitting, is_made, read_metadata, resized, with_program
from .pixels import in_bits, resize, spread_visible, stretch, to_grey, unmultiplied, unstretch

#: What can be written: the name on the command line, and Pillow's name.
FORMATS = dict(png='PNG', jpg='JPEG', webp='WEBP', tiff='TIFF')
DEEP_FORMATS = ('png', 'tiff')
"""Those that hold 16 bits."""
SUFFIXES = {**{f'.{kind}': kind for kind in FORMATS}, '.jpeg': 'jpg', '.tif': 'tiff'}
#: Endings of files that only pillow-heif reads, and what such files begin with after 'ftyp'.
HEIF_SUFFIXES = ('.heic', '.heif', '.hif')
HEIF_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1')
#: What cameras write before anything is developed: by endings of what is TIFF inside, by the first
#: bytes of the others, and by tags.
RAW_SUFFIXES = (
    *('.dng', '.nef', '.nrw', '.cr2', '.arw', '.sr2', '.srf', '.pef', '.srw', '.3fr', '.fff'),
    *('.iiq', '.erf', '.kdc', '.dcr', '.mef', '.mos', '.rwl', '.gpr', '.orf', '.rw2'),
)
RAW_STARTS = re.compile(
    rb'IIU\0|IIR[OS]|MMOR|FOVb|\0MRM|FUJIFILMCCD-RAW|HEAPCCDR|.{4}ftypcrx |(II\*\0|MM\0\*).{4}CR',
    re.DOTALL,
)
TIFF_STARTS = (b'II*\0', b'MM\0*')
JPEG_2000_START = b'\xff\x4f\xff\x51'
DNG_VERSION, COLOR_FILTER_ARRAY, LINEAR_RAW = 50706, 32803, 34892
#: Pillow's modes with at most 8 bits a channel that have one meaning as RGB.
EIGHT_BIT_MODES = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBa', 'RGBX', 'CMYK', 'YCbCr')
FULL_RANGE = ('HEIF', 'JPEG2000')
"""Formats whose lowest and highest values are black and white."""
#: Pillow's modes of 16-bit grey.
SIXTEEN_BIT_MODES = ('I;16', 'I;16L', 'I;16B', 'I;16N')
GREY_MODES = ('1', 'L', 'LA', 'La', 'I', *SIXTEEN_BIT_MODES)
ALPHA_MODES = ('LA', 'La', 'PA', 'RGBA', 'RGBa')
PROFILE_SPACE = slice(16, 20)  # of an ICC profile: the colour space of the pixels
HEADER_BYTES = 1 << 16
"""Within them a file says how many bits its channels have."""
LOW = 1 << 14
"""16-bit values that are all below it are likely to be those of 14 bits or fewer."""


class Header(NamedTuple):
    """What an image file says of its largest page, upright, before pixels are decoded."""

    width: int
    height: int
    mode: str
    bits: int = 8
    made: bool = False  # by the command


class Photo(NamedTuple):
    """A photo as it was read, upright.

    ``rgb`` (H, W, 3) and ``alpha`` (H, W) are uint8, or uint16 of a file with more bits. ``levels``
    are black and white where the file's 16-bit values have a range of their own, ``png_color`` the
    chunks by which a PNG file says what its colours are; no ``icc_profile`` means sRGB.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    grey: bool = False
    metadata: Metadata = NO_METADATA
    levels: tuple[int, int] | None = None
    png_color: dict[bytes, bytes] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def bits(self) -> int:
        """int: 8 or 16."""
        return 8 * self.rgb.itemsize

    @property
    def size(self) -> tuple[int, int]:
        """tuple[int, int]: Width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]

    def visible(self) -> np.ndarray:
        """Return the pixels, uint8 or uint16, with visible colours under what is transparent."""
        return spread_visible(self.rgb, self.alpha)

    def in_colors_of(self, other: Photo) -> np.ndarray:
        """Return the visible pixels, uint8, in the colour space of another photo."""
        rgb = in_bits(self.visible(), 8)
        source, target = (None if p.grey else p.icc_profile for p in (self, other))
        try:
            return convert(rgb, source, target)
        except ImageCms.PyCMSError:  # a profile without what a conversion takes
            return rgb


ImageInput = str | os.PathLike | np.ndarray | Image.Image | Photo


def read_header(path: str | os.PathLike) -> Header:
    """Read a file's header alone, or raise UserError where it is no image that can be read."""
    if not Path(path).is_file():
        raise UserError(f'image not found: {path}')
    try:
        with _open(path, str(path)) as image:
            page, _ = _largest_page(image)
            image.seek(page)
            width, height = image.size
            # Pillow decodes a whole PNG file to look for EXIF behind the pixels.
            has_exif = image.format != 'PNG' or 'exif' in image.info
            if has_exif and _orientation(image) > 4:
                width, height = height, width
            bits = _bits(image, _first_bytes(path, HEADER_BYTES))
            return Header(width, height, image.mode, bits, has_exif and is_made(image))
    except Image.UnidentifiedImageError as error:
        with suppress(Exception), open(path, 'rb') as file:  # 16-bit grey with opacity
            return Header(*tiff_size(file), 'LA', 16)
        raise _unreadable(str(path), error) from error
    except Exception as error:  # a broken file can end in any error of the libraries
        raise _unreadable(str(path), error) from error


def read_photo(path: str | os.PathLike, stretched: bool = False) -> Photo:
    """Read a photo of any size, mode and format that Pillow, with pillow-heif, reads.

    ``stretched`` takes the lowest and highest values of 16 bits for black and white where the file
    does not say.
    """
    return _decode(read_bytes(path), str(path), stretched=stretched)


def as_photo(image: ImageInput) -> Photo:
    """Return a photo of a file, a Pillow image, or an array (H, W[, 1, 3 or 4]), 8 or 16 bits."""
    if isinstance(image, Photo):
        return image
    if isinstance(image, (str, os.PathLike)):
        return read_photo(image)
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if not isinstance(image, Image.Image):
        kind = type(image).__name__
        raise UserError(f'an image must be a path, an array or a PIL image, not {kind}')
    try:
        return _photo(image)
    except (OSError, ValueError, SyntaxError) as error:
        if image.mode not in (*EIGHT_BIT_MODES, *SIXTEEN_BIT_MODES):
            raise UserError(f'an image of mode {image.mode} cannot be used; convert it') from error
        raise UserError(f'the PIL image cannot be read: {error}') from error


def read_rgb(image: ImageInput) -> np.ndarray:
    """Return an image, as :func:`as_photo` takes it, as 8-bit RGB (H, W, 3), without opacity."""
    if isinstance(image, (str, os.PathLike)):
        return decode_rgb(read_bytes(image), str(image))
    return in_bits(as_photo(image).rgb, 8)


def read_bytes(path: str | os.PathLike) -> bytes:
    """Return the content of an image file, or raise one line."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f'image not found: {path}')
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f'{path}: cannot be read: {error.strerror or error}') from error


def decode_rgb(content: bytes, name: str, side: int | None = None) -> np.ndarray:
    """Return an image file's pixels as 8-bit RGB (H, W, 3), upright, writable, without opacity.

    JPEG files are decoded reduced where both sides stay as long as ``side``, which is faster.
    """
    return in_bits(_decode(content, name, pixels_only=True, side=side).rgb, 8)


def super_resolved(photo: Photo, rgb: np.ndarray) -> Photo:
    """Return the photo with SR pixels, its opacity enlarged bicubically, its metadata scaled."""
    height, width = rgb.shape[:2]
    alpha = photo.alpha
    if alpha is not None:
        alpha = resize(in_bits(alpha, 8 * rgb.itemsize), width, height)
    levels = photo.levels if rgb.dtype == np.uint16 else None
    metadata = resized(photo.metadata, photo.size, (width, height))
    return photo._replace(rgb=rgb, alpha=alpha, levels=levels, metadata=metadata)


def fitted(photo: Photo, kind: str) -> Photo:
    """Return what a format, a key of :data:`FORMATS`, holds of a photo, which says what is lost."""
    metadata = fitting(photo.metadata, kind)
    photo = photo._replace(metadata=metadata)
    if kind not in DEEP_FORMATS:
        alpha = None if photo.alpha is None else in_bits(photo.alpha, 8)
        photo = photo._replace(rgb=in_bits(photo.rgb, 8), alpha=alpha, levels=None)
    if kind != 'png' and photo.png_color:
        if has_hdr_curve(photo.png_color):
            warning = 'its HDR colours (cICP) fit into PNG alone, so the result looks pale'
            photo = photo._replace(warnings=(*photo.warnings, warning))
        photo = photo._replace(png_color=None)
    return photo


def write_photo(photo: Photo, path: str | os.PathLike, kind: str, quality: int | str = 95) -> None:
    """Write a photo, whole or not at all; JPEG, which has no transparency, shows it over white.

    ``kind`` is a key of :data:`FORMATS`, ``quality`` 1 to 100 of JPEG and WebP, or 'lossless'.
    """
    photo = fitted(photo, kind)
    with written_whole(path) as temporary:
        try:
            _write(photo, temporary, kind, quality)
        except ValueError as error:  # such as more pixels than WebP can hold
            raise UserError(f'cannot write {path}: {error}') from error


def write_picture(rgb: np.ndarray, path: str | os.PathLike) -> None:
    """Write a drawn picture, (H, W, 3) uint8, as PNG, whole or not at all."""
    write_photo(Photo(rgb, metadata=with_program(NO_METADATA)), path, 'png')


def _open(file: str | os.PathLike | io.BytesIO, name: str) -> Image.Image:
    """Open an image file by what is in it, whatever its name says; its pixels are not read yet."""
    start = file.getvalue()[:16] if isinstance(file, io.BytesIO) else _first_bytes(file)
    is_tiff = start.startswith(TIFF_STARTS)
    raw = RAW_STARTS.match(start) or (is_tiff and name.lower().endswith(RAW_SUFFIXES))
    if not raw:
        if start[4:8] == b'ftyp' and start[8:12] in HEIF_BRANDS:
            try:
                import pillow_heif
            except ImportError as error:
                raise UserError(
                    f'{name}: an HEIC image, which takes one more package to read: pip install '
                    'pillow-heif'
                ) from error
            pillow_heif.register_heif_opener()
        image = Image.open(file)
        tags = image.tag_v2 if image.format == 'TIFF' else {}
        kinds = (COLOR_FILTER_ARRAY, LINEAR_RAW)
        if DNG_VERSION not in tags and tags.get(Base.PhotometricInterpretation) not in kinds:
            return image
        image.close()
    raise UserError(
        f'{name}: a raw file of a camera; develop it first, with darktable or RawTherapee for '
        'instance, and take the TIFF or JPEG file that this gives'
    )


def _first_bytes(path: str | os.PathLike, count: int = 16) -> bytes:
    with open(path, 'rb') as file:
        return file.read(count)


def _unreadable(name: str, error: Exception) -> UserError:
    """Return the one line for whatever a file made the libraries raise."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, Image.UnidentifiedImageError):
        return BrokenFileError(f'{name}: not an image, or of an unknown format')
    reason = ' '.join(str(error).split()) or type(error).__name__
    return BrokenFileError(f'{name}: cannot be read as an image: {reason}')


def _largest_page(image: Image.Image) -> tuple[int, str | None]:
    """Return which page or picture of a file is taken, and what is said of the others."""
    # Phones keep a preview or a map of brightness behind a JPEG file, which MPO stands for.
    count = 1 if image.format == 'MPO' else getattr(image, 'n_frames', 1)
    if count == 1:
        return 0, None
    if image.format != 'TIFF':
        return image.tell(), f'has {count} pictures; the first is taken'
    sizes = []
    for page in range(count):
        image.seek(page)
        sizes.append(image.width * image.height)
    largest = sizes.index(max(sizes))
    image.seek(0)
    which = f'page {largest + 1}, the largest,' if largest else 'the first'
    return largest, f'has {count} pages; {which} is taken'


def _decode(
    content: bytes,
    name: str,
    pixels_only: bool = False,
    stretched: bool = False,
    side: int | None = None,
) -> Photo:
    """Return a photo; its pixels alone are right where no more is asked for."""
    if not content:
        raise BrokenFileError(f'{name}: the image file is empty')
    try:
        with _open(io.BytesIO(content), name) as image:
            page, warning = _largest_page(image)
            image.seek(page)
            if side:
                image.draft(None, (side, side))
            planes = getattr(image, 'tag_v2', {}).get(Base.PlanarConfiguration) == 2
            # 16-bit colours one after another, which OpenCV misreads
            if planes and image.mode[:3] == 'RGB' and _bits(image, content) == 16:
                return _decode(rgba_tiff(content), name, pixels_only, stretched)
            photo = _photo(image, content, page, pixels_only, stretched)
    except Image.UnidentifiedImageError as error:
        with suppress(Exception):
            if content.startswith(TIFF_STARTS) and (other := rgba_tiff(content)):
                return _decode(other, name, pixels_only, stretched)._replace(grey=True)
        raise _unreadable(name, error) from error
    except Exception as error:  # a broken file can end in any error of the libraries
        raise _unreadable(name, error) from error
    return photo._replace(warnings=(warning, *photo.warnings)) if warning else photo


def _photo(
    image: Image.Image,
    content: bytes = b'',
    page: int = 0,
    pixels_only: bool = False,
    stretched: bool = False,
) -> Photo:
    """Return the photo of an opened image, or fail in any way; ``content`` is that of its file."""
    metadata = NO_METADATA if pixels_only else read_metadata(image)
    tags = dict(image.tag_v2) if image.format == 'TIFF' else {}
    is_png = image.format == 'PNG' and content
    bits = _bits(image, content)
    image.load()
    # Pillow and OpenCV turn TIFF images upright themselves; Pillow forgets the tag then.
    orientation = _orientation(image)
    grey = content[25] in (0, 4) if is_png else image.mode in GREY_MODES
    problems, levels, alpha = [], None, None
    pixels = _deep_pixels(image, content, page, bits)
    if pixels is not None:
        rgb, alpha = _split(image, pixels)
        if image.format not in FULL_RANGE:
            white = _ppm_white(content)
            declared = (0, white) if white else _declared_levels(tags)
            levels = _levels(rgb, declared, stretched, problems)
        if levels:
            rgb = stretch(rgb, *levels)
        if tags.get(Base.PhotometricInterpretation) == 0:  # white is zero
            rgb = 65535 - rgb
        if alpha is not None and (tags.get(Base.ExtraSamples) == (1,) or image.mode == 'RGBa'):
            rgb = unmultiplied(rgb, alpha)
    else:
        if bits > 8:
            problems.append(
                'has more than 8 bits a channel, of which 8 are read; save it as a PNG or TIFF '
                'file of RGB to keep them'
            )
        rgb = np.array(_to_rgb(image, problems))
        if not pixels_only and (
            image.mode in ALPHA_MODES or ('transparency' in image.info and image.mode != 'CMYK')
        ):
            alpha = np.array(image.convert('RGBA').getchannel('A'))
    rgb, alpha = _upright(rgb, orientation), _upright(alpha, orientation)
    if pixels_only:
        return Photo(rgb)
    profile = _profile(image, grey, problems)
    chunks = png_color_chunks(content) if is_png else None
    if chunks:
        profile = png_profile(chunks, profile, grey)
    return Photo(rgb, alpha, profile, grey, metadata, levels, chunks, tuple(problems))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where there is none or it is unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return image.getexif().get(Base.Orientation, 1)
    except Exception:  # broken metadata can end in any error; the pixels may be whole
        return 1


def _upright(pixels: np.ndarray | None, orientation: int) -> np.ndarray | None:
    """Return pixels (H, W, ...) turned as a viewer does, contiguous."""
    if pixels is None or orientation not in range(2, 9):
        return pixels
    if orientation > 4:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels.copy()


def _is_deep_grey(image: Image.Image) -> bool:
    """Whether an image has 16-bit grey: PGM files and those who make such images have it as I."""
    return image.mode in SIXTEEN_BIT_MODES or (image.mode == 'I' and image.format != 'TIFF')


def _bits(image: Image.Image, content: bytes) -> int:
    """Return the bits a channel of an image file that begins so; 8 of what Pillow made."""
    bits = 8
    if _is_deep_grey(image):
        bits = 16
    elif not content:
        return bits
    elif image.format == 'PNG':
        bits = content[24]  # of the header chunk, which comes first in every PNG file
    elif image.format == 'PPM':
        bits = (_ppm_white(content) or 255).bit_length()
    elif image.format == 'TIFF':
        bits = max(image.tag_v2.get(Base.BitsPerSample, (8,)))
    elif image.format == 'HEIF':
        bits = image.info.get('bit_depth', 8)
    elif image.format == 'AVIF' and (box := content.find(b'av1C')) > 0:
        bits = 10 if content[box + 6] & 0x40 else 8
    elif image.format == 'JPEG2000' and (start := content.find(JPEG_2000_START)) >= 0:
        bits = 1 + (content[start + 42] & 0x7F)
    return max(bits, 8)


def _ppm_white(content: bytes) -> int | None:
    """Return the value of white that a PPM file declares; None of other files."""
    found = re.match(rb'P6(?:\s+|#[^\n]*\n)+\d+\s+\d+\s+(\d+)\s', content)
    return int(found[1]) if found else None


def _deep_pixels(image: Image.Image, content: bytes, page: int, bits: int) -> np.ndarray | None:
    """Return 16-bit pixels, grey or BGR(A), of an image that has them; None if no library can."""
    if _is_deep_grey(image):
        return np.asarray(image).clip(0, 65535).astype(np.uint16)
    if bits <= 8 or image.mode == 'CMYK' or image.format == 'AVIF':
        return None
    if image.format == 'HEIF':
        import pillow_heif

        file = pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=False, bgr_mode=True)
        return stretch(np.asarray(file[page]), 0, ((1 << bits) - 1) << (16 - bits))
    if image.format == 'JPEG2000' and image.mode == 'LA':
        return None
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    data = np.frombuffer(content, np.uint8)
    if page:
        _, [pixels] = cv2.imdecodemulti(data, flags, range=(page, page + 1))
    else:
        pixels = cv2.imdecode(data, flags)
    if pixels is None or pixels.dtype != np.uint16:
        return None
    return stretch(pixels, 0, (1 << bits) - 1) if image.format == 'JPEG2000' else pixels


def _split(image: Image.Image, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return RGB (H, W, 3) and opacity (H, W) of 16-bit pixels, grey or BGR(A)."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    to_rgb = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}[channels]
    rgb = cv2.cvtColor(pixels, to_rgb)
    if image.mode in ALPHA_MODES and channels == 4:
        return rgb, pixels[..., 3].copy()
    if image.format == 'PNG' and (key := image.info.get('transparency')) is not None:
        return rgb, np.where((rgb == np.uint16(key)).all(axis=2), 0, 65535).astype(np.uint16)
    return rgb, None


def _declared_levels(tags: dict[int, Any]) -> tuple[int, int] | None:
    """Return the values of black and white that a TIFF file declares."""

    def first(tag: int) -> Any:
        value = tags.get(tag)
        return value[0] if isinstance(value, tuple) and value else value

    text = str(tags.get(Base.ImageDescription, ''))
    if found := re.search(r'<Pixels\b[^>]*\bSignificantBits="(\d+)"', text):  # OME-XML
        return 0, (1 << int(found[1])) - 1
    if (bits := first(Base.BitsPerSample) or 16) < 16:
        return 0, (1 << bits) - 1
    for low, high in ((340, 341), (280, 281)):  # SMin-, SMax-, MinSampleValue, MaxSampleValue
        if first(high) is not None:
            return round(float(first(low) or 0)), round(float(first(high)))
    low, high = (re.search(rf'^{name}=([\d.]+)$', text, re.M) for name in ('min', 'max'))
    if text.startswith('ImageJ=') and high:
        return round(float(low[1])) if low else 0, round(float(high[1]))
    return None


def _levels(
    rgb: np.ndarray, declared: tuple[int, int] | None, stretched: bool, problems: list[str]
) -> tuple[int, int] | None:
    """Return the values of black and white if they are not 0 and 65535; warn where it is unsure."""
    lowest, highest = int(rgb.min()), int(rgb.max())
    if declared and declared[0] < declared[1] and highest <= declared[1] <= 65535:
        return None if declared == (0, 65535) else declared
    if stretched and lowest < highest:
        return lowest, highest
    if highest < LOW:
        problems.append(
            f'has values from {lowest} to {highest} of 65535 and does not say what is white, so it '
            'is dark; take --stretch if its values should be stretched to its own range'
        )
    return None


def _to_rgb(image: Image.Image, problems: list[str]) -> Image.Image:
    """Return an image that Pillow has read whole as 8-bit RGB."""
    if image.mode == 'CMYK':
        return cmyk_to_srgb(image, image.info.get('icc_profile'), problems)
    if image.mode not in EIGHT_BIT_MODES:
        raise ValueError(f'pixels of the kind {image.mode}; save it with 8 or 16 bits a channel')
    if image.mode in ('P', 'PA'):
        image = image.convert('RGBA')  # the step that Pillow asks for where a palette has alpha
    return image.convert('RGB')


def _profile(image: Image.Image, grey: bool, problems: list[str]) -> bytes | None:
    """Return the colour profile if it is one for the pixels that will be written."""
    profile = image.info.get('icc_profile')
    if not profile or profile[PROFILE_SPACE] != (b'GRAY' if grey else b'RGB '):
        return None
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        problems.append('has a broken colour profile, which is left out')
        return None
    return profile


def _from_array(image: np.ndarray) -> Photo:
    """Return the photo of an array."""
    channels = 1 if image.ndim == 2 else image.shape[-1]
    right = image.dtype in (np.uint8, np.uint16) and image.ndim in (2, 3) and image.size
    if not right or channels not in (1, 3, 4):
        raise UserError(
            'an image array must be uint8 or uint16 of shape (H, W), (H, W, 3) or (H, W, 4), not '
            f'{image.dtype} of {tuple(image.shape)}'
        )
    image = image.reshape(*image.shape[:2], channels)
    rgb = np.array(np.broadcast_to(image[..., :3], (*image.shape[:2], 3)))
    return Photo(rgb, image[..., 3].copy() if channels == 4 else None)


def _write(photo: Photo, path: Path, kind: str, quality: int | str) -> None:
    """Write a photo that fits into a format."""
    pixels = to_grey(photo.rgb) if photo.grey else photo.rgb
    if photo.levels:
        pixels = unstretch(pixels, *photo.levels)
    if kind == 'tiff':
        with open(path, 'wb') as file:
            write_tiff(file, _samples(pixels, photo.alpha), photo.metadata.exif, _tags(photo))
        return
    options = _options(photo, kind)
    if photo.bits == 16:
        write_deep_png(path, _samples(pixels, photo.alpha), **options)
        return
    image = Image.fromarray(pixels)
    alpha = None if photo.alpha is None else Image.fromarray(photo.alpha)
    if kind == 'jpg':
        options.update(quality=quality, subsampling=0)
        if alpha:
            image = Image.composite(image, Image.new(image.mode, image.size, 'white'), alpha)
    elif alpha:
        image.putalpha(alpha)
    if kind == 'webp':
        options.update(dict(lossless=True) if quality == 'lossless' else dict(quality=quality))
    if kind == 'png':
        options['compress_level'] = 3  # in half of the time of 6, for up to 8 % more bytes
    image.save(path, FORMATS[kind], **options)


def _samples(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Return grey or RGB pixels with their opacity, (H, W, 1 to 4)."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return pixels if alpha is None else np.concatenate([pixels, alpha[..., None]], axis=2)


def _options(photo: Photo, kind: str) -> dict[str, Any]:
    """Return by which options Pillow writes besides the pixels."""
    exif, xmp, resolution, _ = photo.metadata
    options = dict(icc_profile=photo.icc_profile, exif=exif, xmp=xmp, dpi=resolution)
    if kind == 'png':
        options['pnginfo'] = PngInfo()
        for name, data in (photo.png_color or {}).items():
            options['pnginfo'].add(name, data)
        if xmp:
            options['pnginfo'].add_itxt('XML:com.adobe.xmp', xmp.decode(errors='replace'))
    return {name: value for name, value in options.items() if value}


def _tags(photo: Photo) -> dict[int, Any]:
    """Return the tags of a TIFF file besides those of its EXIF."""
    tags = {Base.InterColorProfile: photo.icc_profile, Base.XMLPacket: photo.metadata.xmp}
    tags = {tag: value for tag, value in tags.items() if value}
    if resolution := photo.metadata.resolution:
        tags[Base.XResolution], tags[Base.YResolution] = resolution
        tags[Base.ResolutionUnit] = 2
    if photo.levels:
        count = (1 if photo.grey else 3) + (photo.alpha is not None)
        black, white = (float(level) for level in photo.levels)
        tags[Base.SMinSampleValue] = (black,) * count
        tags[Base.SMaxSampleValue] = (white,) * count
    return tags
