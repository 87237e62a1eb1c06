"""Patches of features that are never unfolded: their norms, and sums over them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

EPS = 1e-12


def pad(feature: Tensor, patch_size: int) -> Tensor:
    """Repeat the border, so that every position is the centre of a patch.

    Args:
        feature (Tensor): Shape (N, C, h, w).
        patch_size (int): Height and width of a patch.

    Returns:
        Tensor: Shape (N, C, h + patch_size - 1, w + patch_size - 1).
    """
    return F.pad(feature, [patch_size // 2] * 4, mode='replicate')


def box_sum(values: Tensor, patch_size: int, *dims: int) -> Tensor:
    """Sum over the patches that lie inside.

    Args:
        values (Tensor): Of any shape.
        patch_size (int): Height and width of a patch.
        *dims (int): Dimensions to sum along, each of which becomes shorter by ``patch_size - 1``.

    Returns:
        Tensor: The sums.
    """
    for dim in dims:
        size = values.shape[dim] - patch_size + 1
        values = sum(values.narrow(dim, shift, size) for shift in range(patch_size))
    return values


def norm(feature: Tensor, patch_size: int) -> Tensor:
    """Return the norms of all patches that lie inside.

    Args:
        feature (Tensor): Shape (N, C, H, W).
        patch_size (int): Height and width of a patch.

    Returns:
        Tensor: At least ``EPS``, shape (N, H - patch_size + 1, W - patch_size + 1).
    """
    return _square(feature, patch_size).clamp(min=EPS**2).sqrt()


def inverse_norm(feature: Tensor, patch_size: int) -> Tensor:
    """Return 1 over these norms, and 0 for an empty patch.

    An empty patch resembles no other. As a limit of small patches its gradient would be 1/ε.

    Args:
        feature (Tensor): Shape (N, C, H, W).
        patch_size (int): Height and width of a patch.

    Returns:
        Tensor: Shape (N, H - patch_size + 1, W - patch_size + 1).
    """
    square = _square(feature, patch_size)
    return torch.where(square > EPS**2, square, torch.inf).rsqrt()


def dilated_norm(feature: Tensor, patch_size: int, dilation: int) -> Tensor:
    """Return the norms of the dilated patches around every position, with zeros outside.

    Args:
        feature (Tensor): Shape (N, C, H, W).
        patch_size (int): Pixels in the height and the width of a patch.
        dilation (int): From pixel to pixel of a patch.

    Returns:
        Tensor: At least ``EPS``, shape (N, 1, H, W).
    """
    square = feature.square().sum(dim=1, keepdim=True)
    ones = square.new_ones(1, 1, patch_size, patch_size)
    total = F.conv2d(square, ones, padding=dilation * (patch_size // 2), dilation=dilation)
    return total.sqrt().clamp(min=EPS)


def _square(feature: Tensor, patch_size: int) -> Tensor:
    """Return the squared norms of all patches that lie inside."""
    return box_sum(feature.square().sum(dim=1), patch_size, 1, 2)
