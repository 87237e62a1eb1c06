"""Reading the images of an item."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmagic.datasets.transforms import LoadImageFromFile
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.fileio import get_file_backend

from masasr_mm.errors import BrokenFileError
from masasr_mm.images.io import as_photo, decode_rgb
from masasr_mm.images.pixels import in_bits, is_neutral

from .references import as_list


@TRANSFORMS.register_module()
class LoadRGBImage(LoadImageFromFile):
    """Load one image, or a list of images, as upright 8-bit RGB.

    mmagic's :class:`LoadImageFromFile` with :func:`decode_rgb` in place of mmcv's decoder, which
    cuts 16-bit pixels to 8 bits, reads what is there of a truncated file, and says nothing of the
    file in its errors.

    Required keys: ``{key}_path`` (str or list[str]).

    Added keys: ``{key}`` (np.ndarray (H, W, 3) uint8 in [0, 255], or a list of them),
    ``ori_{key}_shape``, ``{key}_channel_order`` ('rgb'), ``{key}_color_type``, and ``ori_{key}``
    where asked for.

    Args:
        key (str): The image's name in the results.
        **kwargs: As for mmagic's class, such as ``use_cache``, ``to_float32`` and ``backend_args``.

    Raises:
        BrokenFileError: When called, if a file is missing or cannot be read as an image.
    """

    def __init__(self, key: str, **kwargs: Any) -> None:
        super().__init__(key=key, channel_order='rgb', **kwargs)

    def _load_image(self, filename: str) -> np.ndarray:
        """Return the pixels of a file, (H, W, 3) uint8."""
        if self.file_backend is None:
            self.file_backend = get_file_backend(uri=filename, backend_args=self.backend_args)
        try:
            content = self.cache.get(filename) or self.file_backend.get(filename)
        except OSError as error:
            reason = error.strerror or error
            raise BrokenFileError(f'{filename}: the image file cannot be read: {reason}') from error
        if self.use_cache:
            self.cache[filename] = content
        return decode_rgb(content, filename)


@TRANSFORMS.register_module()
class LoadPhoto(BaseTransform):
    """Load one's own photo and its references as the command ``masasr`` does.

    References come in the photo's colour space; what is transparent takes on the colours beside it.

    Required keys: ``img_path`` (str), ``ref_path`` (str or list[str]).

    Added keys: ``img`` (np.ndarray (H, W, 3), uint8, or float32 in [0, 255] of a file with 16
    bits), ``own_ref`` (np.ndarray (H, W, 3), uint8: the photo, which becomes its own reference
    where others show too little of it), ``ref`` (list[np.ndarray (H, W, 3)], uint8), ``neutral``
    (bool: the photo is black and white), and ``{key}_channel_order`` ('rgb').

    Raises:
        UserError: When called, if a file is missing or cannot be read as an image.
    """

    def transform(self, results: dict) -> dict:
        """Read the files."""
        photo = as_photo(results['img_path'])
        pixels = photo.visible()
        results.update(
            img=pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32) / 257,
            own_ref=in_bits(pixels, 8),
            ref=[as_photo(path).in_colors_of(photo) for path in as_list(results['ref_path'])],
            neutral=is_neutral(pixels),
        )
        return results | {f'{key}_channel_order': 'rgb' for key in ('img', 'own_ref', 'ref')}
