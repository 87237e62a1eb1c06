"""Stacked references side by side, as people rather look at them."""

from __future__ import annotations

import math

import numpy as np

ASPECT = 4 / 3


def lay_out(ref: np.ndarray, num_refs: int) -> np.ndarray:
    """Put references that are stacked from top to bottom into a grid.

    Args:
        ref (np.ndarray): Shape (num_refs·H, W, ...).
        num_refs (int): How many references are stacked.

    Returns:
        np.ndarray: Shape (rows·H, columns·W, ...), the references in row order; places that are
        left over are 255. ``ref`` itself if there is one.
    """
    if num_refs == 1:
        return ref
    height, width = ref.shape[0] // num_refs, ref.shape[1]
    rows, columns = _grid(height, width, num_refs)
    grid = np.full((rows * height, columns * width, *ref.shape[2:]), 255, ref.dtype)
    for index, part in enumerate(np.split(ref, num_refs)):
        top, left = index // columns * height, index % columns * width
        grid[top : top + height, left : left + width] = part
    return grid


def move_positions(position: np.ndarray, size: tuple[int, int], num_refs: int) -> np.ndarray:
    """Return where positions in stacked references are after :func:`lay_out`.

    Args:
        position (np.ndarray): (y, x) in the stack, shape (..., 2), integers.
        size (tuple[int, int]): Height and width of the stack.
        num_refs (int): How many references are stacked.

    Returns:
        np.ndarray: (y, x) in the grid, shape (..., 2).
    """
    height, width = size[0] // num_refs, size[1]
    columns = _grid(height, width, num_refs)[1]
    y, x = position[..., 0], position[..., 1]
    index = y // height
    return np.stack([index // columns * height + y % height, index % columns * width + x], axis=-1)


def _grid(height: int, width: int, number: int) -> tuple[int, int]:
    """Return rows and columns: as a whole about 4:3, with few places left over."""

    def cost(columns: int) -> float:
        rows = math.ceil(number / columns)
        return (
            abs(math.log(columns * width / (rows * height) / ASPECT))
            + (rows * columns - number) / 2
        )

    columns = min(range(1, number + 1), key=cost)
    return math.ceil(number / columns), columns
