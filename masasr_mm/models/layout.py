"""Cutting features into blocks and into cells, and putting them together again."""

from __future__ import annotations

from torch import Tensor


def to_blocks(image: Tensor, blocks: tuple[int, int]) -> Tensor:
    """Cut an image into non-overlapping blocks (the unfolding of Stage 1).

    Args:
        image (Tensor): Shape (N, h, w).
        blocks (tuple[int, int]): Blocks in a column and in a row, (py, px).

    Returns:
        Tensor: Shape (N, py·px, h/py, w/px), blocks in row order.
    """
    n, h, w = image.shape
    py, px = blocks
    cut = image.reshape(n, py, h // py, px, w // px).transpose(2, 3)
    return cut.reshape(n, py * px, h // py, w // px)


def from_blocks(cut: Tensor, blocks: tuple[int, int]) -> Tensor:
    """Put blocks back in place (the folding that ends Stage 3); undoes :func:`to_blocks`.

    Args:
        cut (Tensor): Shape (N, py·px, ky, kx).
        blocks (tuple[int, int]): Blocks in a column and in a row, (py, px).

    Returns:
        Tensor: Shape (N, py·ky, px·kx).
    """
    n, _, ky, kx = cut.shape
    py, px = blocks
    return cut.reshape(n, py, px, ky, kx).transpose(2, 3).reshape(n, py * ky, px * kx)


def to_cells(feature: Tensor, scale: int) -> Tensor:
    """Lay a feature out in cells: the s×s pixels that belong to one position at 1×.

    Args:
        feature (Tensor): Shape (N, C, s·H, s·W).
        scale (int): The scale s of the feature.

    Returns:
        Tensor: Shape (N, H, W, s, s, C), contiguous.
    """
    cells = feature.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    return cells.permute(0, 2, 4, 3, 5, 1).contiguous()


def from_cells(cells: Tensor) -> Tensor:
    """Put cells together to a feature; undoes :func:`to_cells`.

    Args:
        cells (Tensor): Shape (N, H, W, s, s, C).

    Returns:
        Tensor: Shape (N, C, s·H, s·W), channels last in memory.
    """
    n, h, w, scale, _, channels = cells.shape
    rows = cells.transpose(2, 3).reshape(n, h * scale, w * scale, channels)
    return rows.permute(0, 3, 1, 2)
