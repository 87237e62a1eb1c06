"""Windows of pixels at places that were found."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .block_grid import Size


def windows(pixels: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """Cut squares out of a feature, with zeros outside of it.

    Args:
        pixels (Tensor): A feature, shape (N, H, W, C).
        top (Tensor): First row of every square, also outside, shape (N, M).
        left (Tensor): First column of every square, also outside, shape (N, M).
        side (int): Height and width of a square.

    Returns:
        Tensor: Shape (N, M, side, side, C).
    """
    n, height, width, channels = pixels.shape
    reach = torch.arange(side, device=pixels.device)
    rows, columns = top[..., None] + reach, left[..., None] + reach
    in_rows, in_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    sample = torch.arange(n, device=pixels.device)[:, None, None] * height
    rows = (sample + rows.clamp(0, height - 1)) * width
    index = rows[..., None] + columns.clamp(0, width - 1)[..., None, :]
    found = F.embedding(index, pixels.reshape(-1, channels))
    return found.mul_((in_rows[..., None] & in_columns[..., None, :])[..., None])


def repeating_windows(
    pixels: Tensor, sample: Tensor, top: Tensor, left: Tensor, size: Size
) -> Tensor:
    """Cut windows out of features, with their border repeated where windows reach over it.

    Args:
        pixels (Tensor): Features, shape (N, H, W, C).
        sample (Tensor): Which of the N each window is cut out of, shape (B,).
        top (Tensor): First row of each window, shape (B,).
        left (Tensor): First column of each window, shape (B,).
        size (Size): Height and width of all windows.

    Returns:
        Tensor: Shape (B, height, width, C).
    """
    rows, columns = (
        (first[:, None] + torch.arange(length, device=first.device)).clamp(0, limit - 1)
        for first, length, limit in zip((top, left), size, pixels.shape[1:3])
    )
    return pixels[sample[:, None, None], rows[:, :, None], columns[:, None, :]]
