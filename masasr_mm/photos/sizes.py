"""Sizes before and after the network, which itself enlarges by its scale and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from ..images.pixels import resize

LEAST = 8
"""Pixels of height and width that the network takes."""


class FinalSize(NamedTuple):
    """How large results shall be; one of the two.

    Attributes:
        times (float | None): So many times the photo.
        width (int | None): Pixels.
    """

    times: float | None = None
    width: int | None = None

    def of(self, width: int, height: int) -> tuple[int, int]:
        """Return the size that a photo shall get.

        Args:
            width (int): Of the photo.
            height (int): Of the photo.

        Returns:
            tuple[int, int]: Width and height, with the photo's ratio.
        """
        times = self.times if self.width is None else self.width / width
        return max(1, round(width * times)), max(1, round(height * times))

    def suffix(self) -> str:
        """Return what goes to the end of a result's name.

        Returns:
            str: Such as ``_x2`` or ``_1920px``.
        """
        return f'_x{self.times:g}' if self.width is None else f'_{self.width}px'


def reduced(rgb: np.ndarray, width: int, height: int, kind: Image.Resampling) -> np.ndarray:
    """Reduce an image with Pillow.

    Args:
        rgb (np.ndarray): Shape (H, W, 3), uint8 or uint16.
        width (int): Pixels.
        height (int): Pixels.
        kind (Image.Resampling): Pillow's filter.

    Returns:
        np.ndarray: Shape (height, width, 3), of the same type.
    """
    return resize(rgb, width, height, kind)
