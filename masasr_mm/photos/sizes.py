"""Sizes before and after the network, which itself enlarges by its scale and nothing else."""

from __future__ import annotations

from typing import NamedTuple

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
