"""Stage 3: the texture of one scale, made of the matched reference patches (Eq. 5)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .block_grid import from_blocks, to_blocks
from .cells import from_cells
from .matches import Matches


def extract_cells(cells: Tensor, matches: Matches, patch_size: int) -> Tensor:
    """Build the texture from a reference feature in cells.

    Every LR position receives the patch around its match; patches of one block that overlap are
    averaged, and the block is weighted by its similarities, enlarged bilinearly. So a cell of the
    texture is the mean of up to nine cells of F_Ref^s, weighted.

    Args:
        cells (Tensor): F_Ref^s as :func:`~.cells.to_cells` returns it, shape (N, H, W, s, s, C).
        matches (Matches): What the matching found, for the LR or for some of its blocks.
        patch_size (int): Height and width of a patch.

    Returns:
        Tensor: M^s, shape (N, C, s·h, s·w).
    """
    indices, weights = sources(matches, patch_size)
    texture = F.embedding_bag(
        indices,
        cells.flatten(0, 2).flatten(1),
        mode='sum',
        per_sample_weights=weights.to(cells.dtype),
    )
    return weigh(texture.view(*matches.position.shape, *cells.shape[3:]), matches)


def sources(matches: Matches, patch_size: int) -> tuple[Tensor, Tensor]:
    """Return which cells of the reference make up each LR position, and their weights.

    The neighbour at offset (a, b) in the same block puts the cell at its match minus (a, b) here;
    neighbours outside the block have weight 0.

    Args:
        matches (Matches): What the matching found, for the LR or for some of its blocks.
        patch_size (int): Height and width of a patch.

    Returns:
        tuple[Tensor, Tensor]: Flat indices into the Ref↓ grids of all samples, and weights that
        sum to 1, both of shape (N·h·w, patch²).
    """
    n, h, w = matches.position.shape
    (grid_height, grid_width), radius = matches.grid, patch_size // 2
    sample = torch.arange(n, device=matches.position.device) * (grid_height * grid_width)
    cut = to_blocks(matches.position + sample[:, None, None], matches.blocks)
    ky, kx = cut.shape[2:]
    padded = F.pad(cut, [radius] * 4)
    inside = F.pad(torch.ones_like(cut[:1, :1]), [radius] * 4)
    indices, weights = [], []
    for dy in range(patch_size):
        for dx in range(patch_size):
            offset = (dy - radius) * grid_width + dx - radius
            here = (slice(None), slice(None), slice(dy, dy + ky), slice(dx, dx + kx))
            indices.append((padded[here] - offset) * inside[here])
            weights.append(inside[here].expand_as(cut))
    indices, weights = (
        torch.stack([from_blocks(part, matches.blocks) for part in parts], dim=-1)
        for parts in (indices, weights)
    )
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return indices.view(n * h * w, -1), weights.view(n * h * w, -1)


def weigh(texture: Tensor, matches: Matches) -> Tensor:
    """Put the cells of the texture together and weight them by similarity.

    Args:
        texture (Tensor): The mean cells of the LR positions, shape (N, h, w, s, s, C).
        matches (Matches): What the matching found, for the LR or for some of its blocks.

    Returns:
        Tensor: M^s, shape (N, C, s·h, s·w).
    """
    similarity = enlarged_similarity(matches, texture.shape[3])
    return from_cells(texture) * similarity.to(texture.dtype)


def enlarged_similarity(matches: Matches, scale: int) -> Tensor:
    """Return R enlarged bilinearly, inside each block.

    Args:
        matches (Matches): What the matching found, for the LR or for some of its blocks.
        scale (int): The scale s.

    Returns:
        Tensor: Shape (N, 1, s·h, s·w).
    """
    cut = to_blocks(matches.similarity, matches.blocks)
    enlarged = F.interpolate(cut, scale_factor=scale, mode='bilinear', align_corners=False)
    return from_blocks(enlarged, matches.blocks)[:, None]
