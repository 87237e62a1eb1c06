"""Squares of Ref↓ that may hold the best position of a block, by bounds of Eq. 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .coarse import BLOCKS_AT_ONCE, cosines
from .groups import groups
from .patches import EPS

SQUARES = 16
"""Squares that are kept for each block."""
SIDE = 4
"""Positions in the height and the width of a square."""


def with_rest(projected: Tensor, length: Tensor, dim: int) -> Tensor:
    """Add to projected vectors what they have lost, so that their products are bounds.

    Args:
        projected (Tensor): Vᵀr, of any shape.
        length (Tensor): |r|², of the same shape but for one in the dimension of the directions.
        dim (int): The dimension of the directions.

    Returns:
        Tensor: Vᵀr, and behind it |r - VVᵀr|.
    """
    rest = length - projected.square().sum(dim=dim, keepdim=True)
    return torch.cat([projected, rest.clamp(min=0).sqrt()], dim=dim)


def likely_squares(
    queries: Tensor,
    ref_down: Tensor,
    kernels: list[Tensor],
    norms: list[Tensor],
    dilations: tuple[int, ...],
    max_elements: int | None,
) -> Tensor:
    """Return the squares of Ref↓ that hold the greatest bounds of each block, in any order.

    Args:
        queries (Tensor): Vᵀq and |q - VVᵀq| of all blocks, shape (N, K, D + 1).
        ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
        kernels (list[Tensor]): V, for each dilation, shape (N·D, C, patch, patch).
        norms (list[Tensor]): Of the patches of Ref↓, for each dilation, shape (N, 1, H, W).
        dilations (tuple[int, ...]): The dilations.
        max_elements (int, optional): Numbers that may be held at once; None for all.

    Returns:
        Tensor: Flat indices into the grid of squares, shape (N, K, at most SQUARES).
    """
    (n, count, _), (height, width) = queries.shape, ref_down.shape[2:]
    reach = max(dilations) * (kernels[0].shape[-1] // 2)
    padded = F.pad(ref_down, [0, 0, reach, reach]).flatten(0, 1)[None]
    numbers, across = n * SIDE * width, -(-width // SIDE)
    strips = groups(-(-height // SIDE), numbers * min(count, BLOCKS_AT_ONCE), max_elements)
    blocks = groups(count, numbers, max_elements, BLOCKS_AT_ONCE)
    found = [None for _ in blocks]
    for strip in strips:
        rows = slice(strip.start * SIDE, min(strip.stop * SIDE, height))
        positions = _by_square(_projected(padded, kernels, norms, dilations, rows))
        for i, group in enumerate(blocks):
            best, index = _best_squares(queries[:, group], positions)
            here = best, index + strip.start * across
            found[i] = here if found[i] is None else _greatest_of(found[i], here)
        del positions  # before those of the next strip are made
    return torch.cat([index for _, index in found], dim=1)


def _projected(
    ref_down: Tensor,
    kernels: list[Tensor],
    norms: list[Tensor],
    dilations: tuple[int, ...],
    rows: slice,
) -> Tensor:
    """Return Vᵀr and |r - VVᵀr| in some rows of Ref↓, with what :func:`.coarse.cosines` takes."""
    # A patch of zeros stays one.
    length = sum((norm[:, :, rows] > EPS).to(ref_down.dtype) for norm in norms)
    return with_rest(cosines(ref_down, kernels, norms, dilations, rows), length, dim=1)


def _best_squares(queries: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Return the greatest bounds of the squares in a strip, and whose they are."""
    bounds = torch.bmm(queries, positions).unflatten(2, (SIDE**2, -1))
    return _greatest(bounds.amax(dim=2))


def _greatest(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the greatest along the last dimension, at most SQUARES, and where they are."""
    return values.topk(min(SQUARES, values.shape[-1]), sorted=False)


def _greatest_of(*found: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the greatest of what was found in several strips, and where it is."""
    values, index = (torch.cat(parts, dim=-1) for parts in zip(*found))
    best, place = _greatest(values)
    return best, index.gather(-1, place)


def _by_square(positions: Tensor) -> Tensor:
    """Order positions (N, D, rows, W) as (N, D, SIDE²·squares), with the squares innermost.

    Squares that reach over the border hold its positions more than once.
    """
    height, width = positions.shape[2:]
    positions = F.pad(positions, [0, -width % SIDE, 0, -height % SIDE], mode='replicate')
    cut = positions.unflatten(3, (-1, SIDE)).unflatten(2, (-1, SIDE))
    return cut.permute(0, 1, 3, 5, 2, 4).flatten(2)
