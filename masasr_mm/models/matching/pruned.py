"""Stage 1 for large images: Eq. 1 for the few positions that may be the best (Fig. 3).

Put the centre patches of a block at all dilations, each of norm 1, one after another, and they are
a vector q; the same around a position of Ref↓ is a vector r, and the sum of cosines of Eq. 1 is
q·r. In a photo such vectors lie near few directions. With these, the columns of V,

    q·r = (Vᵀq)·(Vᵀr) + (q - VVᵀq)·(r - VVᵀr),

where the second term is small. The first, of 96 products in place of 1728, tells which squares of
Ref↓ may hold the best position; among all positions of these the whole sum decides. So the choice
is that of the exact search, up to rounding, wherever its best position lies in one of them.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .block_grid import BlockGrid
from .coarse import BLOCKS_AT_ONCE, centre_patches, cosines
from .directions import directions_of
from .groups import groups
from .patches import dilated_norm
from .windows import windows

DIRECTIONS = 96
"""Columns of V; with more, fewer of the best positions are missed."""
SQUARES = 16
"""Squares of Ref↓ in which the best position of a block is looked for."""
SIDE = 4
"""Positions in the height and the width of a square."""


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
    kernels = [part.movedim(-1, 1).flatten(0, 1) for part in directions]
    squares = _likely_squares(queries, ref_down, kernels, norms, dilations, max_elements)
    side = SIDE + 2 * max(dilations) * grid.radius
    numbers = len(lr) * squares.shape[2] * side**2 * lr.shape[1]
    pixels, found = ref_down.permute(0, 2, 3, 1).contiguous(), []
    for group in groups(grid.number_of_blocks, numbers, max_elements):
        patches = torch.stack([patches[:, group] for patches in centres], dim=2)
        found.append(_best_in(squares[:, group], patches, pixels, norms, dilations))
    return torch.cat(found, dim=1)


def _likely_squares(
    queries: Tensor,
    ref_down: Tensor,
    kernels: list[Tensor],
    norms: list[Tensor],
    dilations: tuple[int, ...],
    max_elements: int | None,
) -> Tensor:
    """Return the squares of Ref↓ that hold the greatest (Vᵀq)·(Vᵀr), in any order.

    Args:
        queries (Tensor): Vᵀq of all blocks, shape (N, K, D).
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
        positions = _by_square(cosines(padded, kernels, norms, dilations, rows))
        for i, group in enumerate(blocks):
            products = torch.bmm(queries[:, group], positions).unflatten(2, (SIDE**2, -1))
            best, index = _greatest(products.amax(dim=2))
            here = best, index + strip.start * across
            found[i] = here if found[i] is None else _greatest_of(found[i], here)
    return torch.cat([index for _, index in found], dim=1)


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
