"""From what the network made to the photo that is written: size, opacity, metadata, format."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from ..images.io import Photo, fitted, super_resolved
from ..images.metadata import Metadata, with_program
from ..images.pixels import resize


class FinalSize(NamedTuple):
    """How large results shall be: so many times the photo, or so many pixels wide."""

    times: float | None = None
    width: int | None = None

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height that a photo shall get."""
        times = self.times if self.width is None else self.width / width
        return max(1, round(width * times)), max(1, round(height * times))

    def suffix(self) -> str:
        """Return what goes to the end of a result's name, such as ``_x2`` or ``_1920px``."""
        return f'_x{self.times:g}' if self.width is None else f'_{self.width}px'


def reduced_size(width: int, height: int, times: float) -> tuple[int, int]:
    """Return width and height of a photo that is made so many times smaller."""
    return round(width / times), round(height / times)


def result_size(
    width: int, height: int, scale: int, reduce_first: float, outscale: FinalSize | None
) -> tuple[int, int]:
    """Return width and height of the result of a photo."""
    made = tuple(length * scale for length in reduced_size(width, height, reduce_first))
    wanted = outscale.of(width, height) if outscale else made
    return wanted if wanted[0] <= made[0] else made


def postprocess(
    photo: Photo,
    sr: np.ndarray,
    kind: str,
    outscale: FinalSize | None = None,
    strip_metadata: bool = False,
) -> tuple[Photo, list[str]]:
    """Return what the network made, (scale·H, scale·W, 3), as the photo to write, and problems."""
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
    kept = result.metadata
    kept = Metadata(resolution=kept.resolution) if strip_metadata else with_program(kept)
    result = fitted(result._replace(metadata=kept), kind)
    return result, [*result.warnings, *problems, *result.metadata.problems]
