"""Stage 1 for large images: Eq. 1 for the few positions that may be the best (Fig. 3).

Put the centre patches of a block at all dilations, each of norm 1, one after another, and they are
a vector q; the same around a position of Ref↓ is a vector r, and the sum of cosines of Eq. 1 is
q·r. In a photo such vectors lie near few directions. With these, the columns of V,

    q·r = (Vᵀq)·(Vᵀr) + (q - VVᵀq)·(r - VVᵀr) ≤ (Vᵀq)·(Vᵀr) + |q - VVᵀq| |r - VVᵀr|,

by Cauchy and Schwarz. This bound, of 96 products in place of 1728, tells which squares of Ref↓ may
hold the best position; among all positions of these the whole sum decides. So the choice is that of
the exact search, up to rounding, wherever its best position lies in one of them, and that is
certain where no other square has a bound above what was found.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .block_grid import BlockGrid
from .coarse import centre_patches
from .directions import directions_of
from .groups import groups
from .patches import dilated_norm
from .squares import SIDE, likely_squares, with_rest
from .windows import windows

DIRECTIONS = 95
"""Columns of V; with more, fewer of the best positions are missed."""


def match_blocks(
    lr: Tensor,
    ref_down: Tensor,
    grid: BlockGrid,
    dilations: tuple[int, ...],
    max_elements: int | None,
) -> Tensor:
    """Find the centre of the most relevant Ref↓ block of every LR block, nearly always.

    Does what :func:`.coarse.match_blocks` does, with a small part of its products.

    Args:
        lr (Tensor): F_LR, shape (N, C, h, w).
        ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
        grid (BlockGrid): The blocks.
        dilations (tuple[int, ...]): Dilations of the centre patches.
        max_elements (int, optional): Numbers that may be held at once; None for all.

    Returns:
        Tensor: Flat indices into the Ref↓ grid, the lowest of equal ones that were looked at,
        shape (N, K).
    """
    centres = [centre_patches(lr, grid, dilation) for dilation in dilations]
    norms = [dilated_norm(ref_down, grid.patch_size, dilation) for dilation in dilations]
    directions = directions_of(ref_down, norms, grid, dilations, DIRECTIONS).unbind(1)
    queries = sum(
        patches.flatten(2) @ part.flatten(1, 3) for patches, part in zip(centres, directions)
    )
    length = sum(patches.square().flatten(2).sum(dim=2, keepdim=True) for patches in centres)
    queries = with_rest(queries, length, dim=2)
    kernels = [part.movedim(-1, 1).flatten(0, 1) for part in directions]
    squares = likely_squares(queries, ref_down, kernels, norms, dilations, max_elements)
    side = SIDE + 2 * max(dilations) * grid.radius
    numbers = len(lr) * squares.shape[2] * side**2 * lr.shape[1]
    pixels, found = ref_down.permute(0, 2, 3, 1).contiguous(), []
    for group in groups(grid.number_of_blocks, numbers, max_elements):
        patches = torch.stack([patches[:, group] for patches in centres], dim=2)
        found.append(_best_in(squares[:, group], patches, pixels, norms, dilations))
    return torch.cat(found, dim=1)


def _best_in(
    squares: Tensor,
    patches: Tensor,
    pixels: Tensor,
    norms: list[Tensor],
    dilations: tuple[int, ...],
) -> Tensor:
    """Return the best position in some squares by the whole sum of cosines (Eq. 1).

    Args:
        squares (Tensor): Flat indices into the grid of squares, shape (N, B, S).
        patches (Tensor): Centre patches, shape (N, B, dilations, C, patch, patch).
        pixels (Tensor): F_Ref↓, shape (N, H, W, C).
        norms (list[Tensor]): Of the patches of Ref↓, for each dilation, shape (N, 1, H, W).
        dilations (tuple[int, ...]): The dilations.

    Returns:
        Tensor: Flat indices into the Ref↓ grid, the lowest of equal ones, shape (N, B).
    """
    height, width, channels = pixels.shape[1:]
    size, across = patches.shape[-1], -(-width // SIDE)
    reach = max(dilations) * (size // 2)
    top, left = squares // across * SIDE, squares % across * SIDE
    corners = ((first - reach).flatten(1) for first in (top, left))
    around = windows(pixels, *corners, SIDE + 2 * reach)
    products = torch.matmul(
        patches.movedim(3, -1).flatten(2, 4),
        around.view(*squares.shape[:2], -1, channels).transpose(2, 3),
    )
    products = products.unflatten(3, (-1, *around.shape[2:4]))
    products = products.unflatten(2, (len(dilations), size, size))
    step = torch.arange(SIDE, device=squares.device)
    rows, columns = top[..., None, None] + step[:, None], left[..., None, None] + step
    index = rows.clamp(max=height - 1) * width + columns.clamp(max=width - 1)
    total = 0
    for i, (dilation, norm) in enumerate(zip(dilations, norms)):
        first = reach - dilation * (size // 2)
        starts = [slice(first + dilation * j, first + dilation * j + SIDE) for j in range(size)]
        product = sum(
            products[:, :, i, a, b, :, starts[a], starts[b]]
            for a in range(size)
            for b in range(size)
        )
        total = total + product / norm.flatten(1).gather(1, index.flatten(1)).view_as(index)
    total = torch.where((rows < height) & (columns < width), total, -torch.inf)
    best = total.flatten(2).amax(dim=2)[..., None, None, None]
    last = height * width - 1  # what NaN, which equals nothing, comes to
    return torch.where(total == best, index, last).flatten(2).amin(dim=2)
