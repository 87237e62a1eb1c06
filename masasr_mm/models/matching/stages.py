"""The three stages of MEM (Sec. 3.1, Fig. 3): coarse, fine and extraction, Eq. 1–5.

No tensor of unfolded patches is made: Stage 1 is a convolution, Stage 2 a matrix product of pixels
summed along shifted diagonals, Stage 3 a weighted mean of reference pixels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .blocks import BlockGrid, Size, from_blocks, groups, pixel_shuffle, to_blocks
from .matches import Matches

EPS = 1e-12
# Stage 1 is a convolution with a kernel for each block; with more, its output leaves the cache.
BLOCKS_AT_ONCE = 256


def coarse_match(lr: Tensor, ref_down: Tensor, grid: BlockGrid) -> Tensor:
    """Stage 1: find the centre of the most relevant Ref↓ block of every LR block (Eq. 1).

    The centre patch of a block is compared with every patch of Ref↓ at each dilation, and the
    cosine similarities are summed. Takes (N, C, h, w) and (N, C, H, W); returns flat indices into
    the Ref↓ grid, (N, K).
    """
    n, (height, width), count = len(lr), grid.ref, grid.number_of_blocks
    centres = [centre_patches(lr, grid, dilation) for dilation in grid.dilations]
    ref = DilatedPatches.of(ref_down, grid)
    strips = groups(height, n * width * min(count, BLOCKS_AT_ONCE), grid.max_elements)
    found = []
    for group in groups(count, n * width, grid.max_elements, BLOCKS_AT_ONCE):
        kernels = [patches[:, group].flatten(0, 1) for patches in centres]
        in_strips = (ref.products(kernels, rows) for rows in strips)
        best, index = zip(*(total.flatten(2).max(dim=2) for total in in_strips))
        strip = torch.stack(best, dim=2).argmax(dim=2, keepdim=True)
        index = [inside + rows.start * width for inside, rows in zip(index, strips)]
        found.append(torch.stack(index, dim=2).gather(2, strip).squeeze(2))
    return torch.cat(found, dim=1)


def fine_match(lr: Tensor, ref_down: Tensor, coarse_index: Tensor, grid: BlockGrid) -> Tensor:
    """Stage 2: match all patches inside every pair of LR and Ref↓ block (Eq. 2–3).

    Takes (N, C, h, w), (N, C, H, W) and the centres of the Ref↓ blocks, (N, K); returns D, flat
    indices into the candidates of each block, (N, K, ky, kx).
    """
    n = lr.shape[0]
    top, left = (corner.flatten() for corner in grid.corners(coarse_index))
    lr_pixels, ref_pixels = (feature.permute(0, 2, 3, 1).contiguous() for feature in (lr, ref_down))
    pair = torch.arange(n * grid.number_of_blocks, device=lr.device)
    sample = pair // grid.number_of_blocks
    lr_top, lr_left = grid.lr_corners(pair % grid.number_of_blocks)
    lr_size, ref_size = (
        tuple(size + grid.patch_size - 1 for size in block)
        for block in (grid.block, grid.ref_block)
    )
    found = []
    pairs = top.shape[0]  # len() would fix it in an exported network
    for group in groups(pairs, math.prod(lr_size) * math.prod(ref_size), grid.max_elements):
        found.append(
            _best_candidates(
                _cut(lr_pixels, sample[group], lr_top[group], lr_left[group], lr_size),
                _cut(ref_pixels, sample[group], top[group], left[group], ref_size),
                grid.patch_size,
            )
        )
    index = torch.cat(found)
    return index.view(n, -1, *index.shape[1:])


def similarity(lr: Tensor, ref_down: Tensor, position: Tensor, grid: BlockGrid) -> Tensor:
    """Return R, the cosine similarity of every LR patch with the one it was matched to (Eq. 4).

    Takes (N, C, h, w), (N, C, H, W) and the centres of the matched patches, flat, (N, h, w);
    returns (N, h, w).
    """
    (n, channels, h, w), radius = lr.shape, grid.radius
    ref_pixels = ref_down.permute(0, 2, 3, 1).reshape(-1, channels)
    ref_inverse = F.pad(_inverse_norm(ref_down, grid.patch_size), [radius] * 4).flatten()
    sample = torch.arange(n, device=lr.device)[:, None, None] * ref_down[0, 0].numel()
    strips = []
    for rows in groups(h, n * w * channels, grid.max_elements):
        # The rows that patches reach into; the border is repeated, none repeats another strip's.
        above, below = min(radius, rows.start), min(radius, h - rows.stop)
        strip = lr[:, :, rows.start - above : rows.stop + below]
        strip = F.pad(strip, [radius] * 4, mode='replicate')
        strip = strip[:, :, above : strip.shape[2] - below]
        centre = position[:, rows] + sample
        product = _matched_products(strip, ref_pixels, centre, grid)
        inverse = _inverse_norm(strip, grid.patch_size) * ref_inverse[centre]
        strips.append(product * inverse)
    return torch.cat(strips, dim=1)


def extract(unshuffled: Tensor, matches: Matches, patch_size: int) -> Tensor:
    """Stage 3: build M^s, (N, C, s·h, s·w), of F_Ref^s in pixel-unshuffled layout (Eq. 5).

    Every LR position receives the patch around its match; patches of one block that overlap are
    averaged, and the block is weighted by its similarities, enlarged bilinearly. So the s×s pixels
    of a position are the mean of up to nine of F_Ref^s, (N, H, W, s, s, C).
    """
    indices, weights = sources(matches, patch_size)
    texture = F.embedding_bag(
        indices,
        unshuffled.flatten(0, 2).flatten(1),
        mode='sum',
        per_sample_weights=weights.to(unshuffled.dtype),
    )
    return weigh(texture.view(*matches.position.shape, *unshuffled.shape[3:]), matches)


def sources(matches: Matches, patch_size: int) -> tuple[Tensor, Tensor]:
    """Return which positions of Ref↓ make up each LR position, and their weights.

    The neighbour at offset (a, b) in the same block puts the pixels at its match minus (a, b)
    here; neighbours outside the block have weight 0. Flat indices into the Ref↓ grids of all
    samples, and weights that sum to 1, both (N·h·w, patch²).
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
    """Weight a texture, (N, h, w, s, s, C), by similarity; return it as (N, C, s·h, s·w)."""
    weights = enlarged_similarity(matches, texture.shape[3])
    return pixel_shuffle(texture) * weights.to(texture.dtype)


def enlarged_similarity(matches: Matches, scale: int) -> Tensor:
    """Return R enlarged bilinearly inside each block, (N, 1, s·h, s·w)."""
    cut = to_blocks(matches.similarity, matches.blocks)
    enlarged = F.interpolate(cut, scale_factor=scale, mode='bilinear', align_corners=False)
    return from_blocks(enlarged, matches.blocks)[:, None]


def centre_patches(lr: Tensor, grid: BlockGrid, dilation: int) -> Tensor:
    """Return the centre patches of all LR blocks, each of norm 1: (N, K, C, patch, patch)."""
    reach = dilation * torch.arange(-grid.radius, grid.radius + 1, device=lr.device)
    rows, columns = (
        (torch.arange(count, device=lr.device)[:, None] * block)
        .add(block // 2 + reach)
        .clamp(0, size - 1)
        for size, count, block in zip(grid.lr, grid.blocks, grid.block)
    )
    patches = lr[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    patches = patches.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
    return F.normalize(patches.flatten(2), dim=2, eps=EPS).view_as(patches)


class DilatedPatches(NamedTuple):
    """The patches of F_Ref↓ around every position, at all dilations, with zeros outside.

    Attributes:
        padded (Tensor): F_Ref↓ with zeros above and below, (1, N·C, H + 2·reach, W).
        norms (list[Tensor]): Of the patches, at least ``EPS``, for each dilation, (N, 1, H, W).
        grid (BlockGrid): The sizes.
    """

    padded: Tensor
    norms: list[Tensor]
    grid: BlockGrid

    @classmethod
    def of(cls, ref_down: Tensor, grid: BlockGrid) -> DilatedPatches:
        """Take the patches of (N, C, H, W)."""
        norms = [dilated_norm(ref_down, grid.patch_size, dilation) for dilation in grid.dilations]
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
            cosine = products.view(n, -1, *products.shape[2:]).div_(norm[:, :, rows])
            total = cosine if total is None else total.add_(cosine)
        return total


def best_in_windows(
    top: Tensor,
    left: Tensor,
    side: int,
    patches: Tensor,
    pixels: Tensor,
    norms: list[Tensor],
    grid: BlockGrid,
) -> tuple[Tensor, Tensor]:
    """Find the best position in some windows of Ref↓ by the whole sum of cosines (Eq. 1).

    Takes the first rows and columns of the windows, (N, B, S), which may reach over the border,
    centre patches, (N, B, dilations, C, patch, patch), F_Ref↓, (N, H, W, C), and the norms of its
    patches; returns the sums, -∞ where all windows lie outside, and flat indices into the Ref↓
    grid, the lowest of equal ones, (N, B) each.
    """
    height, width, channels = pixels.shape[1:]
    size, reach = grid.patch_size, grid.reach
    corners = ((first - reach).flatten(1) for first in (top, left))
    around = windows(pixels, *corners, side + 2 * reach)
    products = torch.matmul(
        patches.movedim(3, -1).flatten(2, 4),
        around.view(*top.shape[:2], -1, channels).transpose(2, 3),
    )
    products = products.unflatten(3, (-1, *around.shape[2:4]))
    products = products.unflatten(2, (len(grid.dilations), size, size))
    step = torch.arange(side, device=top.device)
    rows, columns = top[..., None, None] + step[:, None], left[..., None, None] + step
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    total = 0
    for i, (dilation, norm) in enumerate(zip(grid.dilations, norms)):
        first = reach - dilation * grid.radius
        starts = [slice(first + dilation * j, first + dilation * j + side) for j in range(size)]
        product = sum(
            products[:, :, i, a, b, :, starts[a], starts[b]]
            for a in range(size)
            for b in range(size)
        )
        total = total + product / norm.flatten(1).gather(1, index.flatten(1)).view_as(index)
    total = torch.where(inside, total, -torch.inf)
    best = total.flatten(2).amax(dim=2)
    last = height * width - 1  # what NaN, which equals nothing, comes to
    index = torch.where(total == best[..., None, None, None], index, last)
    return best, index.flatten(2).amin(dim=2)


def windows(pixels: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """Cut windows with corners (N, M) out of (N, H, W, C), zeros outside: (N, M, side, side, C)."""
    n, height, width, channels = pixels.shape
    reach = torch.arange(side, device=pixels.device)
    rows, columns = top[..., None] + reach, left[..., None] + reach
    in_rows, in_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    sample = torch.arange(n, device=pixels.device)[:, None, None] * height
    rows = (sample + rows.clamp(0, height - 1)) * width
    index = rows[..., None] + columns.clamp(0, width - 1)[..., None, :]
    found = F.embedding(index, pixels.reshape(-1, channels))
    return found.mul_((in_rows[..., None] & in_columns[..., None, :])[..., None])


def dilated_norm(feature: Tensor, patch_size: int, dilation: int) -> Tensor:
    """Return the norms of the dilated patches of (N, C, H, W), zero outside: (N, 1, H, W)."""
    square = feature.square().sum(dim=1, keepdim=True)
    ones = square.new_ones(1, 1, patch_size, patch_size)
    total = F.conv2d(square, ones, padding=dilation * (patch_size // 2), dilation=dilation)
    return total.sqrt().clamp(min=EPS)


def _best_candidates(lr_pixels: Tensor, ref_pixels: Tensor, patch_size: int) -> Tensor:
    """Return D (Eq. 3), (B, ky, kx), of pairs of blocks with their margins, (B, …, …, C) each.

    The products of pixels are summed along shifted diagonals. The norm of an LR patch does not
    change which candidate is best, so it is left out.
    """
    products = torch.bmm(lr_pixels.flatten(1, 2), ref_pixels.flatten(1, 2).transpose(1, 2))
    products = products.unflatten(2, ref_pixels.shape[1:3]).unflatten(1, lr_pixels.shape[1:3])
    for first, second in ((1, 3), (2, 4)):
        sizes = [products.shape[dim] - patch_size + 1 for dim in (first, second)]
        products = sum(
            products.narrow(first, shift, sizes[0]).narrow(second, shift, sizes[1])
            for shift in range(patch_size)
        )
    square = _patch_squares(ref_pixels.permute(0, 3, 1, 2), patch_size)
    norms = square.clamp(min=EPS**2).sqrt()
    return (products / norms[:, None, None]).flatten(3).argmax(dim=3)


def _matched_products(
    padded: Tensor, ref_pixels: Tensor, centre: Tensor, grid: BlockGrid
) -> Tensor:
    """Return the products of LR patches with their matches, (N, h, w).

    Takes F_LR with a margin as wide as patches reach, F_Ref↓ with a row for each pixel, and the
    rows that the matched patches are centred in.
    """
    (_, h, w), radius, product = centre.shape, grid.radius, 0
    lr_pixels = padded.permute(0, 2, 3, 1)
    for dy in range(grid.patch_size):
        for dx in range(grid.patch_size):
            offset = (dy - radius) * grid.ref[1] + dx - radius
            ref_pixel = F.embedding(centre + offset, ref_pixels)
            product = product + (lr_pixels[:, dy : dy + h, dx : dx + w] * ref_pixel).sum(-1)
    return product


def _inverse_norm(feature: Tensor, patch_size: int) -> Tensor:
    """Return 1 over the norms of all patches inside, and 0 for an empty patch.

    An empty patch resembles no other. As a limit of small patches its gradient would be 1/ε.
    """
    square = _patch_squares(feature, patch_size)
    return torch.where(square > EPS**2, square, torch.inf).rsqrt()


def _patch_squares(feature: Tensor, patch_size: int) -> Tensor:
    """Return the squared norms of all patches of (N, C, H, W) that lie inside."""
    values = feature.square().sum(dim=1)
    for dim in (1, 2):
        size = values.shape[dim] - patch_size + 1
        values = sum(values.narrow(dim, shift, size) for shift in range(patch_size))
    return values


def _cut(pixels: Tensor, sample: Tensor, top: Tensor, left: Tensor, size: Size) -> Tensor:
    """Cut B windows of a size out of (N, H, W, C), border repeated: (B, height, width, C)."""
    rows, columns = (
        (first[:, None] + torch.arange(length, device=first.device)).clamp(0, limit - 1)
        for first, length, limit in zip((top, left), size, pixels.shape[1:3])
    )
    return pixels[sample[:, None, None], rows[:, :, None], columns[:, None, :]]
