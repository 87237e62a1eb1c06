"""From the pixels that the network made to the photo that is written."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..images.io import Photo, fitted, super_resolved
from ..images.pixels import resize
from .sizes import FinalSize


def finished(
    photo: Photo,
    sr: np.ndarray,
    kind: str,
    outscale: FinalSize | None = None,
    strip_metadata: bool = False,
) -> tuple[Photo, list[str]]:
    """Return a result in its final size, with what belongs to the photo besides its pixels.

    Args:
        photo (Photo): The LR photo.
        sr (np.ndarray): The SR pixels, shape (scale·H, scale·W, 3), uint8 or uint16, RGB.
        kind (str): Format of the result, a key of :data:`~masasr_mm.images.io.FORMATS`.
        outscale (FinalSize, optional): How large it shall be. Default: None, as large as it is.
        strip_metadata (bool): Leave out date, camera, place and the like. Default: False.

    Returns:
        tuple[Photo, list[str]]: The result, and what could not be done for it, or is to be known
            of how the photo was read.
    """
    problems = []
    if outscale:
        width, height = outscale.of(*photo.size)
        if width <= sr.shape[1]:
            sr = resize(sr, width, height, Image.Resampling.LANCZOS)
        else:
            problems.append(
                f'{width} pixels of width are more than the network makes of it, so the result '
                f'has {sr.shape[1]}'
            )
    result = super_resolved(photo, sr)
    if strip_metadata:
        result = result._replace(metadata=result.metadata.stripped())
    result = fitted(result, kind)
    return result, [*result.warnings, *problems, *result.metadata.problems]
