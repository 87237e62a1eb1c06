"""The directions that the patches of Ref↓ lie in, at all dilations together."""

from __future__ import annotations

import torch
from torch import Tensor

from .block_grid import BlockGrid
from .windows import windows

SAMPLES = 4096
"""Positions of Ref↓ that the directions are taken from."""
ITERATIONS = 3
"""Of the power method; two find as many of the best positions as eight."""
GOLDEN_RATIO = 0.6180339887


def directions_of(
    ref_down: Tensor,
    norms: list[Tensor],
    grid: BlockGrid,
    dilations: tuple[int, ...],
    count: int,
) -> Tensor:
    """Return the principal directions of the vectors r that Eq. 1 compares blocks with.

    Args:
        ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
        norms (list[Tensor]): Of the patches of Ref↓, for each dilation, shape (N, 1, H, W).
        grid (BlockGrid): The blocks.
        dilations (tuple[int, ...]): The dilations.
        count (int): How many directions.

    Returns:
        Tensor: V, orthonormal, in the shape of patches: (N, dilations, C, patch, patch, at most
        ``count``).
    """
    vectors = sample(ref_down, norms, grid, dilations)
    directions = principal_directions(vectors, min(count, *vectors.shape[1:]))
    patch = (ref_down.shape[1], grid.patch_size, grid.patch_size)
    return directions.unflatten(1, (len(dilations), *patch))


def principal_directions(vectors: Tensor, count: int) -> Tensor:
    """Return the directions in which vectors are longest, by the power method on a subspace.

    Unlike a decomposition, it never waits for a GPU, and no vectors make it fail.

    Args:
        vectors (Tensor): Shape (N, M, L).
        count (int): How many directions, at most M and L.

    Returns:
        Tensor: Orthonormal columns, shape (N, L, count).
    """
    directions = vectors[:, :: vectors.shape[1] // count][:, :count].transpose(1, 2)
    for _ in range(ITERATIONS):
        directions = torch.linalg.qr(directions).Q
        directions = vectors.transpose(1, 2) @ (vectors @ directions)
    return torch.linalg.qr(directions).Q


def sample(
    ref_down: Tensor, norms: list[Tensor], grid: BlockGrid, dilations: tuple[int, ...]
) -> Tensor:
    """Return the vectors r of positions that lie evenly in Ref↓.

    Args:
        ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
        norms (list[Tensor]): Of the patches of Ref↓, for each dilation, shape (N, 1, H, W).
        grid (BlockGrid): The blocks.
        dilations (tuple[int, ...]): The dilations.

    Returns:
        Tensor: The patches at all dilations, each of norm 1, one after another, shape
        (N, at most SAMPLES, dilations·C·patch²).
    """
    n, (height, width), radius = len(ref_down), grid.ref, grid.radius
    count = min(SAMPLES, height * width)
    # One row after another, and columns that never come to lie in lines.
    step = torch.arange(count, device=ref_down.device)
    top, left = step * height // count, (step * GOLDEN_RATIO % 1 * width).long()
    reach = max(dilations) * radius
    corners = ((first - reach).expand(n, -1) for first in (top, left))
    around = windows(ref_down.permute(0, 2, 3, 1), *corners, 2 * reach + 1)
    vectors = []
    for dilation, norm in zip(dilations, norms):
        extent = dilation * radius
        here = slice(reach - extent, reach + extent + 1, dilation)
        patches = around[:, :, here, here].movedim(-1, 2).flatten(2)
        vectors.append(patches / norm[:, 0, top, left][..., None])
    return torch.cat(vectors, dim=2)
