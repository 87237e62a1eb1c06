"""Stage 1 for large images: Eq. 1 for the few positions that may be the best (Fig. 3).

Put the centre patches of a block at all dilations, each of norm 1, one after another, and they are
a vector q; the same around a position of Ref↓ is a vector r, and the sum of cosines of Eq. 1 is
q·r. In a photo such vectors lie near a basis of low rank. With its vectors, the columns of V,

    q·r = (Vᵀq)·(Vᵀr) + (q - VVᵀq)·(r - VVᵀr) ≤ (Vᵀq)·(Vᵀr) + |q - VVᵀq| |r - VVᵀr|,

by Cauchy and Schwarz. This bound, of 96 products in place of 1728, shows which tiles of Ref↓ may
hold the best position; among all positions of these the whole sum decides. So the choice is that of
the exact search, up to rounding, wherever its best position lies in one of them, and that is
certain where no other tile has a bound above what was found.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .blocks import BlockGrid, groups
from .stages import BLOCKS_AT_ONCE, EPS, DilatedPatches
from .window_search import GOLDEN_RATIO, Blocks, windows

RANK = 95
"""Columns of V; with more, fewer of the best positions are missed."""
SAMPLES = 4096
"""Positions of Ref↓ that the basis is taken from."""
ITERATIONS = 3
"""Of the power method; two find as many of the best positions as eight."""
TILES = 16
"""Candidate tiles that are kept for each block."""
SIDE = 4
"""Positions in the height and the width of a candidate tile."""


def coarse_match(lr: Tensor, ref_down: Tensor, grid: BlockGrid) -> Tensor:
    """Find the centre of the most relevant Ref↓ block of every LR block, nearly always.

    Does what :func:`.stages.coarse_match` does with a small part of its products; of equal
    positions that were looked at the lowest is taken.
    """
    ref = DilatedPatches.of(ref_down, grid)
    blocks = Blocks(lr, ref_down, ref.norms, grid)
    dilated = blocks.patches.unbind(2)
    basis = low_rank_basis(sample(ref_down, ref), RANK)
    patch = (ref_down.shape[1], grid.patch_size, grid.patch_size)
    basis = basis.unflatten(1, (len(grid.dilations), *patch)).unbind(1)
    queries = sum(patches.flatten(2) @ part.flatten(1, 3) for patches, part in zip(dilated, basis))
    length = sum(patches.square().flatten(2).sum(dim=2, keepdim=True) for patches in dilated)
    queries = with_rest(queries, length, dim=2)
    kernels = [part.movedim(-1, 1).flatten(0, 1) for part in basis]
    tiles, across = candidate_tiles(queries, ref, kernels), -(-grid.ref[1] // SIDE)
    corners = (first * SIDE for first in (tiles // across, tiles % across))
    return blocks.best(*corners, SIDE)[1]


def sample(ref_down: Tensor, ref: DilatedPatches) -> Tensor:
    """Return the vectors r of positions that lie evenly in (N, C, H, W).

    Each dilation's patch has norm 1; shape (N, at most SAMPLES, dilations·C·patch²).
    """
    grid, (height, width) = ref.grid, ref.grid.ref
    count, radius, reach = min(SAMPLES, height * width), grid.radius, grid.reach
    # One row after another, and columns that never come to lie in lines.
    step = torch.arange(count, device=ref_down.device)
    top, left = step * height // count, (step * GOLDEN_RATIO % 1 * width).long()
    corners = ((first - reach).expand(len(ref_down), -1) for first in (top, left))
    around = windows(ref_down.permute(0, 2, 3, 1), *corners, 2 * reach + 1)
    vectors = []
    for dilation, norm in zip(grid.dilations, ref.norms):
        extent = dilation * radius
        here = slice(reach - extent, reach + extent + 1, dilation)
        patches = around[:, :, here, here].movedim(-1, 2).flatten(2)
        vectors.append(patches / norm[:, 0, top, left][..., None])
    return torch.cat(vectors, dim=2)


def low_rank_basis(vectors: Tensor, rank: int) -> Tensor:
    """Return V, the low-rank basis of (N, M, L): orthonormal columns, (N, L, rank).

    The power method on a subspace, of rank at most M and L. Unlike a decomposition it never
    waits for a GPU, and no vectors make it fail.
    """
    rank = min(rank, *vectors.shape[1:])
    basis = vectors[:, :: vectors.shape[1] // rank][:, :rank].transpose(1, 2)
    for _ in range(ITERATIONS):
        basis = torch.linalg.qr(basis).Q
        basis = vectors.transpose(1, 2) @ (vectors @ basis)
    return torch.linalg.qr(basis).Q


def with_rest(projected: Tensor, length: Tensor, dim: int) -> Tensor:
    """Put |r - VVᵀr| behind Vᵀr, of |r|² in ``length``, so that products become bounds."""
    rest = length - projected.square().sum(dim=dim, keepdim=True)
    return torch.cat([projected, rest.clamp(min=0).sqrt()], dim=dim)


def candidate_tiles(queries: Tensor, ref: DilatedPatches, kernels: list[Tensor]) -> Tensor:
    """Return the tiles of Ref↓ with the greatest bounds for each block, in any order.

    Takes Vᵀq and |q - VVᵀq| of all blocks, (N, K, D + 1), and V for each dilation,
    (N·D, C, patch, patch); returns flat indices into the grid of tiles, (N, K, at most TILES).
    """
    (n, count, _), (height, width) = queries.shape, ref.grid.ref
    numbers, across = n * SIDE * width, -(-width // SIDE)
    max_elements = ref.grid.max_elements
    strips = groups(-(-height // SIDE), numbers * min(count, BLOCKS_AT_ONCE), max_elements)
    blocks = groups(count, numbers, max_elements, BLOCKS_AT_ONCE)
    best = [None for _ in blocks]
    for strip in strips:
        rows = slice(strip.start * SIDE, min(strip.stop * SIDE, height))
        # A patch of zeros stays one.
        length = sum((norm[:, :, rows] > EPS).to(queries.dtype) for norm in ref.norms)
        positions = _by_tile(with_rest(ref.products(kernels, rows), length, dim=1))
        for i, group in enumerate(blocks):
            bounds = torch.bmm(queries[:, group], positions).unflatten(2, (SIDE**2, -1))
            values, index = _greatest(bounds.amax(dim=2))
            here = values, index + strip.start * across
            best[i] = here if best[i] is None else _greatest_of(best[i], here)
        del positions  # before those of the next strip are made
    return torch.cat([index for _, index in best], dim=1)


def _greatest(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the greatest along the last dimension, at most TILES, and where they are."""
    return values.topk(min(TILES, values.shape[-1]), sorted=False)


def _greatest_of(*found: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the greatest of what was found in several strips, and where it is."""
    values, index = (torch.cat(parts, dim=-1) for parts in zip(*found))
    best, place = _greatest(values)
    return best, index.gather(-1, place)


def _by_tile(positions: Tensor) -> Tensor:
    """Order (N, D, rows, W) as (N, D, SIDE²·tiles), with the tiles innermost.

    Tiles that reach over the border hold its positions more than once.
    """
    height, width = positions.shape[2:]
    positions = F.pad(positions, [0, -width % SIDE, 0, -height % SIDE], mode='replicate')
    cut = positions.unflatten(3, (-1, SIDE)).unflatten(2, (-1, SIDE))
    return cut.permute(0, 1, 3, 5, 2, 4).flatten(2)
