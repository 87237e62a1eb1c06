"""Stage 2: the most similar patch of every position, and how similar it is (Eq. 2–4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .block_grid import BlockGrid
from .groups import groups
from .patches import inverse_norm, norm, pad
from .windows import repeating_windows


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
    n = lr.shape[0]
    top, left = (corner.flatten() for corner in grid.corners(coarse_index))
    lr_pixels, ref_pixels = (feature.permute(0, 2, 3, 1).contiguous() for feature in (lr, ref_down))
    pair = torch.arange(n * grid.number_of_blocks, device=lr.device)
    sample = pair // grid.number_of_blocks
    lr_top, lr_left = grid.lr_corners(pair % grid.number_of_blocks)
    lr_window, ref_window = (
        tuple(size + grid.patch_size - 1 for size in block)
        for block in (grid.block, grid.ref_block)
    )
    pairs = math.prod(lr_window) * math.prod(ref_window)
    found = []
    for group in groups(top.shape[0], pairs, max_elements):
        lr_part = repeating_windows(
            lr_pixels, sample[group], lr_top[group], lr_left[group], lr_window
        )
        ref_part = repeating_windows(ref_pixels, sample[group], top[group], left[group], ref_window)
        found.append(_best_candidates(lr_part, ref_part, grid.patch_size))
    index = torch.cat(found)
    return index.view(n, -1, *index.shape[1:])


def similarity(
    lr: Tensor, ref_down: Tensor, position: Tensor, patch_size: int, max_elements: int | None
) -> Tensor:
    """Return the cosine similarity of every LR patch with the patch it was matched to (Eq. 4).

    Args:
        lr (Tensor): F_LR, shape (N, C, h, w).
        ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
        position (Tensor): Centres of the matched patches, flat, shape (N, h, w).
        patch_size (int): Height and width of a patch.
        max_elements (int, optional): Numbers of matched features that may be held at once; None
            for all.

    Returns:
        Tensor: R, shape (N, h, w).
    """
    (n, channels, h, w), radius = lr.shape, patch_size // 2
    ref_pixels = ref_down.permute(0, 2, 3, 1).reshape(-1, channels)
    ref_inverse = F.pad(inverse_norm(ref_down, patch_size), [radius] * 4).flatten()
    sample = torch.arange(n, device=lr.device)[:, None, None] * ref_down[0, 0].numel()
    strips = []
    for rows in groups(h, n * w * channels, max_elements):
        # The rows that patches reach into; the border is repeated, none repeats another strip's.
        above, below = min(radius, rows.start), min(radius, h - rows.stop)
        strip = pad(lr[:, :, rows.start - above : rows.stop + below], patch_size)
        strip = strip[:, :, above : strip.shape[2] - below]
        centre = position[:, rows] + sample
        product = _products(strip, ref_pixels, centre, patch_size, ref_down.shape[3])
        strips.append(product * (inverse_norm(strip, patch_size) * ref_inverse[centre]))
    return torch.cat(strips, dim=1)


def _products(
    padded: Tensor, ref_pixels: Tensor, centre: Tensor, patch_size: int, grid_width: int
) -> Tensor:
    """Return the products of LR patches with the patches that they were matched to.

    Args:
        padded (Tensor): F_LR with a rim as wide as patches reach, shape (N, C, …, …).
        ref_pixels (Tensor): F_Ref↓, a row for each pixel, shape (N·H·W, C).
        centre (Tensor): Centres of the matched patches among them, shape (N, h, w).
        patch_size (int): Height and width of a patch.
        grid_width (int): W.

    Returns:
        Tensor: Shape (N, h, w).
    """
    (_, h, w), radius, product = centre.shape, patch_size // 2, 0
    lr_pixels = padded.permute(0, 2, 3, 1)
    for dy in range(patch_size):
        for dx in range(patch_size):
            offset = (dy - radius) * grid_width + dx - radius
            ref_pixel = F.embedding(centre + offset, ref_pixels)
            product = product + (lr_pixels[:, dy : dy + h, dx : dx + w] * ref_pixel).sum(-1)
    return product


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
