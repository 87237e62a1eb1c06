"""Features of a higher scale in cells: the s×s pixels that belong to one position at 1×."""

from __future__ import annotations

from torch import Tensor


def to_cells(feature: Tensor, scale: int) -> Tensor:
    """Order a feature by cells.

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
