"""The three stages of MEM (Sec. 3.1, Fig. 3): coarse, fine and extraction, Eq. 1–5.

No tensor of unfolded patches is made: Stage 1 is a convolution, Stage 2 a matrix product of pixels
summed along shifted diagonals, Stage 3 a weighted mean of reference pixels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...compat import with_repeated_border
from .blocks import (
    BlockGrid,
    centre_pixels,
    first_positions,
    from_blocks,
    groups,
    joined,
    kept,
    lr_windows,
    patches_of,
    pixel_shuffle,
    to_blocks,
    window,
)
from .matches import Matches

EPS = 1e-12
# Stage 1 is a convolution with a kernel for each block; with more, its output leaves a CPU's cache.
BLOCKS_AT_ONCE = 256


def coarse_match(lr: Tensor, ref_down: Tensor, grid: BlockGrid) -> Tensor:
    """Stage 1: find the centre of the most relevant Ref↓ block of every LR block (Eq. 1).

    The centre patch of a block is compared with every patch of Ref↓ at each dilation, and the
    cosine similarities are summed. Takes (N, C, h, w) and (N, C, H, W); returns flat indices into
    the Ref↓ grid, (N, K).
    """
    n, (height, width), count = len(lr), grid.ref, grid.number_of_blocks
    centres, ref = centre_patches(lr, grid), DilatedPatches.of(ref_down, grid)
    at_once, found = min(count, BLOCKS_AT_ONCE) if lr.is_cpu else count, []
    strips = groups(height, n * width * at_once, grid.max_elements)
    for group in groups(count, n * width, grid.max_elements, at_once):
        kernels = [patches.flatten(0, 1) for patches in centres[:, :, group].unbind(1)]
        in_strips = (ref.products(kernels, rows) for rows in strips)
        best, index = zip(*(total.flatten(2).max(dim=2) for total in in_strips))
        if len(strips) > 1:
            strip = torch.stack(best, dim=2).argmax(dim=2, keepdim=True)
            index = [inside + rows.start * width for inside, rows in zip(index, strips)]
            index = [torch.stack(index, dim=2).gather(2, strip).squeeze(2)]
        found += index
    return joined(found, dim=1)


def fine_match(lr: Tensor, ref_down: Tensor, centre: Tensor, grid: BlockGrid) -> Tensor:
    """Stage 2: match all patches inside every pair of LR and Ref↓ block (Eq. 2–3).

    Takes (N, C, h, w), (N, C, H, W) and the centres of the Ref↓ blocks, (N, K); returns D, flat
    indices into the candidates of each block, (N, K, ky, kx).
    """
    n, channels = lr.shape[:2]
    ref_pixels = ref_down.permute(0, 2, 3, 1).reshape(-1, channels)
    norms = patch_norms(ref_down, grid.patch_size).flatten()
    centre = (centre + first_positions(n, grid.ref, like=lr)).flatten()[:, None, None]
    lr_window = lr_windows(n, grid.lr, grid.blocks, grid.radius, like=lr)
    lr_size, ref_size = grid.with_margin(grid.block), grid.with_margin(grid.ref_block)
    ref_window, lr_pixels = window(*ref_size, grid.ref[1], like=lr), lr.permute(0, 2, 3, 1)
    inner, found = slice(grid.radius, -grid.radius or None), []
    pairs = centre.shape[0]  # len() would fix it in an exported network
    for group in groups(pairs, math.prod(lr_size) * math.prod(ref_size), grid.max_elements):
        index = centre[group] + ref_window
        products = _summed_products(
            lr_pixels[tuple(part[group] for part in lr_window)],
            F.embedding(index, ref_pixels),
            grid.patch_size,
        )
        norm = norms[index[:, inner, inner]][:, None, None]
        found.append(products.div_(norm).flatten(3).argmax(dim=3))
    return joined(found, dim=0).unflatten(0, (n, -1))


def similarity(lr: Tensor, ref_down: Tensor, position: Tensor, grid: BlockGrid) -> Tensor:
    """Return R, the cosine similarity of every LR patch with the one it was matched to (Eq. 4).

    Takes (N, C, h, w), (N, C, H, W) and the centres of the matched patches, flat, (N, h, w);
    returns (N, h, w).
    """
    (n, channels, h, w), radius, size = lr.shape, grid.radius, grid.patch_size
    ref_pixels = ref_down.permute(0, 2, 3, 1).reshape(-1, channels)
    ref_squares = patch_squares(ref_down, size).flatten()
    first = first_positions(n, grid.ref, like=position)[..., None]
    around, strips = window(size, size, grid.ref[1], like=position), []
    for rows in groups(h, n * w * channels * size, grid.max_elements):
        # The rows that patches reach into; the border is repeated, none repeats another strip's.
        above, below = min(radius, rows.start), min(radius, h - rows.stop)
        strip = lr[:, :, rows.start - above : rows.stop + below]
        strip = with_repeated_border(strip, radius)
        strip = strip[:, :, above : strip.shape[2] - below]
        centre = position[:, rows] + first
        matched = F.embedding(centre[..., None, None] + around, ref_pixels)
        patches = patches_of(strip.permute(0, 2, 3, 1), size).movedim(3, -1)
        product = matched.mul_(patches).sum(dim=(3, 4, 5))
        squares = patch_squares(strip, size, padded=False)[:, 0], ref_squares[centre]
        strips.append(product * _inverse_root(squares[0]) * _inverse_root(squares[1]))
    return joined(strips, dim=1)


def extract(unshuffled: Tensor, matches: Matches, sources: tuple[Tensor, Tensor]) -> Tensor:
    """Stage 3: build M^s, (N, C, s·h, s·w), of F_Ref^s in pixel-unshuffled layout (Eq. 5).

    Every LR position receives the patch around its match; patches of one block that overlap are
    averaged, and the block is weighted by its similarities, enlarged bilinearly. So the s×s pixels
    of a position are the mean of up to nine of F_Ref^s, (N, H, W, s, s, C), its sources.
    """
    texture = summed(unshuffled, *sources)
    return weigh(texture.view(*matches.position.shape, *unshuffled.shape[3:]), matches)


def summed(unshuffled: Tensor, indices: Tensor, weights: Tensor) -> Tensor:
    """Sum up pixels of (N, H, W, s, s, C) by indices and weights, (M, patch²): (M, s·s·C)."""
    pixels, weights = unshuffled.flatten(0, 2).flatten(1), weights.to(unshuffled.dtype)
    return F.embedding_bag(indices, pixels, mode='sum', per_sample_weights=weights)


def find_sources(matches: Matches, patch_size: int) -> tuple[Tensor, Tensor]:
    """Return which positions of Ref↓ make up each LR position, and their weights.

    The neighbour at offset (a, b) in the same block puts the pixels at its match minus (a, b)
    here; neighbours outside the block have weight 0. Flat indices into the Ref↓ grids of all
    samples, and weights that sum to 1, both (N·h·w, patch²).
    """
    (n, h, w), radius, width = matches.position.shape, patch_size // 2, matches.grid[1]
    position = matches.position + first_positions(n, matches.grid, like=matches.position)[..., None]
    padded = F.pad(position, [radius] * 4)
    shifts = itertools.product(range(patch_size), repeat=2)
    neighbours = [padded[:, dy : dy + h, dx : dx + w] for dy, dx in shifts]
    around = window(patch_size, patch_size, width, like=position)
    # Outside, where the weight is 0, stands any position that is there.
    indices = (torch.stack(neighbours, dim=-1) - around.flatten()).clamp_(min=0)
    (py, px), (ky, kx) = matches.blocks, matches.fine_index.shape[2:]
    weights = shares(ky, kx, patch_size, like=position)[:, None].expand(n, py, ky, px, kx, -1)
    return indices.view(n * h * w, -1), weights.reshape(n * h * w, -1)


@kept
def shares(height: int, width: int, patch_size: int, device: torch.device) -> Tensor:
    """Return the weights of the neighbours of a position in a block, (ky, kx, patch²)."""
    inside = F.pad(torch.ones(1, height, width, device=device), [patch_size // 2] * 4)
    weights = patches_of(inside, patch_size)[0].flatten(2)
    return weights / weights.sum(dim=-1, keepdim=True)


def weigh(texture: Tensor, matches: Matches) -> Tensor:
    """Weight a texture, (N, h, w, s, s, C), by similarity; return it as (N, C, s·h, s·w)."""
    weights = enlarged_similarity(matches, texture.shape[3])
    return pixel_shuffle(texture) * weights.to(texture.dtype)


def enlarged_similarity(matches: Matches, scale: int) -> Tensor:
    """Return R enlarged bilinearly inside each block, (N, 1, s·h, s·w)."""
    if scale == 1:
        return matches.similarity[:, None]
    cut = to_blocks(matches.similarity, matches.blocks)
    enlarged = F.interpolate(cut, scale_factor=scale, mode='bilinear', align_corners=False)
    return from_blocks(enlarged, matches.blocks)[:, None]


def centre_patches(lr: Tensor, grid: BlockGrid) -> Tensor:
    """Return the centre patches of all LR blocks, each of norm 1.

    Shape (N, dilations, K, C, patch, patch).
    """
    rows, columns = centre_pixels(grid.lr, grid.blocks, grid.dilations, grid.radius, like=lr)
    patches = lr.permute(0, 2, 3, 1)[:, rows, columns].flatten(2, 3)
    return (
        F.normalize(patches.flatten(3), dim=3, eps=EPS)
        .unflatten(3, patches.shape[3:])
        .movedim(5, 3)
    )


class DilatedPatches(NamedTuple):
    """The patches of F_Ref↓ around every position, at all dilations, with zeros outside."""

    padded: Tensor  # F_Ref↓ with zeros above and below, (1, N·C, H + 2·reach, W)
    norms: Sequence[Tensor]  # of the patches, at least EPS, for each dilation, (N, 1, H, W)
    grid: BlockGrid

    @classmethod
    def of(cls, ref_down: Tensor, grid: BlockGrid) -> DilatedPatches:
        """Take the patches of (N, C, H, W)."""
        norms = patch_norms(ref_down, grid.patch_size, grid.dilations).split(1, dim=1)
        padded = F.pad(ref_down, [0, 0, grid.reach, grid.reach]).flatten(0, 1)[None]
        return cls(padded, norms, grid)

    def products(self, kernels: list[Tensor], rows: slice) -> Tensor:
        """Compare kernels with all patches in some rows, and sum over the dilations (Eq. 1).

        A kernel for each dilation, (N·B, C, patch, patch), such as the centre patches of B
        blocks; returns (N, B, rows, W).
        """
        grid, total = self.grid, None
        n, reach = len(self.norms[0]), grid.reach
        for dilation, kernel, norm in zip(grid.dilations, kernels, self.norms):
            extent = dilation * grid.radius
            strip = self.padded[:, :, rows.start + reach - extent : rows.stop + reach + extent]
            products = F.conv2d(strip, kernel, padding=(0, extent), dilation=dilation, groups=n)
            products = products.view(n, -1, *products.shape[2:])
            if total is None:
                total = products.div_(norm[:, :, rows])
            else:
                total.addcdiv_(products, norm[:, :, rows])
        return total


def patch_norms(feature: Tensor, patch_size: int, dilations: Sequence[int] = (1,)) -> Tensor:
    """Return the norms of the patches of (N, C, H, W), at least ``EPS``: (N, dilations, H, W)."""
    return patch_squares(feature, patch_size, dilations).sqrt().clamp(min=EPS)


def patch_squares(
    feature: Tensor, patch_size: int, dilations: Sequence[int] = (1,), padded: bool = True
) -> Tensor:
    """Return the squared norms of the patches of (N, C, H, W), (N, dilations, H, W).

    They are padded with zeros, or those that lie inside.
    """
    square = torch.linalg.vector_norm(feature, dim=1, keepdim=True).square()
    ones, radius = kernel(patch_size, square.dtype, like=square), patch_size // 2
    return joined(
        [
            F.conv2d(square, ones, padding=padded * dilation * radius, dilation=dilation)
            for dilation in dilations
        ],
        dim=1,
    )


@kept
def kernel(patch_size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return what sums up patches as a convolution, (1, 1, patch, patch)."""
    return torch.ones(1, 1, patch_size, patch_size, dtype=dtype, device=device)


def _summed_products(lr_pixels: Tensor, ref_pixels: Tensor, patch_size: int) -> Tensor:
    """Return the products of all patches of pairs of blocks, (B, ky, kx, dy, dx).

    Takes the blocks with their margins, (B, …, …, C) each. The products of pixels are summed along
    shifted diagonals. The norm of an LR patch does not change which candidate is best (Eq. 3), so
    it is left out.
    """
    products = torch.bmm(lr_pixels.flatten(1, 2), ref_pixels.flatten(1, 2).transpose(1, 2))
    products = products.unflatten(2, ref_pixels.shape[1:3]).unflatten(1, lr_pixels.shape[1:3])
    for first, second in ((1, 3), (2, 4)):
        sizes = [products.shape[dim] - patch_size + 1 for dim in (first, second)]
        shifted = (
            products.narrow(first, shift, sizes[0]).narrow(second, shift, sizes[1])
            for shift in range(patch_size)
        )
        products = reduce(torch.add, shifted)
    return products


def _inverse_root(square: Tensor) -> Tensor:
    """Return 1 over the norms of patches, and 0 for an empty patch.

    An empty patch resembles no other. As a limit of small patches its gradient would be 1/ε.
    """
    return square.masked_fill(square <= EPS**2, torch.inf).rsqrt()
