"""Stage 2: the most similar patch of every position, and how similar it is (Eq. 2–4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .block_grid import BlockGrid
from .groups import groups
from .patches import inverse_norm, norm, pad


def match_patches(
    lr: Tensor, ref_down: Tensor, coarse_index: Tensor, grid: BlockGrid, max_elements: int | None
) -> Tensor:
    """Match all patches inside every pair of LR and Ref↓ block (Eq. 2–3).

    Args:
        lr (Tensor): F_LR, shape (N, C, h, w).
        ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
        coarse_index (Tensor): Centres of the Ref↓ blocks, shape (N, K).
        grid (BlockGrid): The blocks.
        max_elements (int, optional): Similarities that may be held at once; None for all.

    Returns:
        Tensor: D, shape (N, K, ky, kx), flat indices into the candidates of each block.
    """
    n, channels, grid_height, grid_width = ref_down.shape
    top, left = (corner.flatten() for corner in grid.corners(coarse_index))
    lr_pixels = rimmed_blocks(lr, grid)
    ref_pixels = ref_down.permute(0, 2, 3, 1).reshape(-1, channels)
    sample = torch.arange(n, device=lr.device).repeat_interleave(coarse_index.shape[1])
    height, width = (size + grid.patch_size - 1 for size in grid.ref_block)
    rows = top[:, None] + torch.arange(height, device=lr.device)
    columns = left[:, None] + torch.arange(width, device=lr.device)
    rows = (rows + (sample * grid_height)[:, None]) * grid_width
    pairs = lr_pixels[0, ..., 0].numel() * rows.shape[1] * columns.shape[1]
    found = []
    for group in groups(top.shape[0], pairs, max_elements):
        window = ref_pixels[rows[group][:, :, None] + columns[group][:, None, :]]
        found.append(_best_candidates(lr_pixels[group], window, grid.patch_size))
    index = torch.cat(found)
    return index.view(n, -1, *index.shape[1:])


def similarity(lr: Tensor, ref_down: Tensor, position: Tensor, patch_size: int) -> Tensor:
    """Return the cosine similarity of every LR patch with the patch it was matched to (Eq. 4).

    Args:
        lr (Tensor): F_LR, shape (N, C, h, w).
        ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
        position (Tensor): Centres of the matched patches, flat, shape (N, h, w).
        patch_size (int): Height and width of a patch.

    Returns:
        Tensor: R, shape (N, h, w).
    """
    n, channels, grid_height, grid_width = ref_down.shape
    (h, w), radius = lr.shape[2:], patch_size // 2
    ref_pixels = ref_down.permute(0, 2, 3, 1).reshape(-1, channels)
    sample = torch.arange(n, device=lr.device)[:, None, None] * (grid_height * grid_width)
    centre = position + sample
    padded = pad(lr, patch_size)
    lr_pixels = padded.permute(0, 2, 3, 1)
    product = 0
    for dy in range(patch_size):
        for dx in range(patch_size):
            offset = (dy - radius) * grid_width + dx - radius
            ref_pixel = F.embedding(centre + offset, ref_pixels)
            product = product + (lr_pixels[:, dy : dy + h, dx : dx + w] * ref_pixel).sum(-1)
    ref_inverse = F.pad(inverse_norm(ref_down, patch_size), [radius] * 4)
    return product * (inverse_norm(padded, patch_size) * ref_inverse.flatten()[centre])


def rimmed_blocks(lr: Tensor, grid: BlockGrid) -> Tensor:
    """Cut the LR feature into blocks with the rim that patches reach into.

    Args:
        lr (Tensor): F_LR, shape (N, C, h, w).
        grid (BlockGrid): The blocks.

    Returns:
        Tensor: Shape (N·K, ky + patch_size - 1, kx + patch_size - 1, C).
    """
    (ky, kx), rim = grid.block, grid.patch_size - 1
    cut = pad(lr, grid.patch_size).unfold(2, ky + rim, ky).unfold(3, kx + rim, kx)
    return cut.permute(0, 2, 3, 4, 5, 1).flatten(0, 2)


def _best_candidates(lr_pixels: Tensor, ref_pixels: Tensor, patch_size: int) -> Tensor:
    """Return D (Eq. 3) of pairs of blocks, given the pixels of both with their rims.

    The products of pixels are summed along shifted diagonals. The norm of an LR patch does not
    change which candidate is best, so it is left out.

    Args:
        lr_pixels (Tensor): Shape (B, ky + patch_size - 1, kx + patch_size - 1, C).
        ref_pixels (Tensor): Shape (B, dy + patch_size - 1, dx + patch_size - 1, C).
        patch_size (int): Height and width of a patch.

    Returns:
        Tensor: Shape (B, ky, kx).
    """
    products = torch.bmm(lr_pixels.flatten(1, 2), ref_pixels.flatten(1, 2).transpose(1, 2))
    products = products.unflatten(2, ref_pixels.shape[1:3]).unflatten(1, lr_pixels.shape[1:3])
    for first, second in ((1, 3), (2, 4)):
        sizes = [products.shape[dim] - patch_size + 1 for dim in (first, second)]
        products = sum(
            products.narrow(first, shift, sizes[0]).narrow(second, shift, sizes[1])
            for shift in range(patch_size)
        )
    norms = norm(ref_pixels.permute(0, 3, 1, 2), patch_size)
    return (products / norms[:, None, None]).flatten(3).argmax(dim=3)
