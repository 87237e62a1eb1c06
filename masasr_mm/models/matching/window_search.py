"""Stage 1 in windows of Ref↓ (Eq. 1), such as those around the places where blocks should lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .blocks import BlockGrid, Region, groups, joined
from .stages import centre_patches, patch_norms

RADIUS = 8
"""How far from its own place the centre of a block is looked for, in positions of Ref↓."""
SAMPLES = 64
"""Blocks that are searched everywhere to see what may be found."""
GOLDEN_RATIO = 0.6180339887
BETTER, CLEARLY_BETTER = 0.01, 0.1
"""By how much a sum of cosines, of up to 3, must be greater elsewhere to be taken: where alignment
does not hold, and where it does, so that matches do not scatter over all of Ref↓."""
UNSURE = 1 / 16
"""The share of samples that are clearly better elsewhere above which alignment does not hold."""
NOWHERE = -(2.0**24)

Search = Callable[[Tensor, Tensor, BlockGrid], Tensor]


def coarse_match(lr: Tensor, ref_down: Tensor, grid: BlockGrid, search: Search) -> Tensor:
    """Find the centre of the most relevant Ref↓ block of every LR block around its own places.

    A block without one is sought in all that is aligned with the photo. Some samples are searched
    everywhere, by ``search``; so are the blocks with no more similarity than a sample that is
    clearly better elsewhere, and those with less than any sample, and they take what they find if
    it is better by a margin, so that the rest of Ref↓ is used only where it has to be. Takes and
    returns what :func:`.stages.coarse_match` does.
    """
    norms = patch_norms(ref_down, grid.patch_size, grid.dilations).split(1, dim=1)
    blocks, (aligned, everywhere) = Blocks(lr, ref_down, norms, grid), _regions(grid)
    number = torch.arange(grid.number_of_blocks, device=lr.device)
    corners = grid.places.round().nan_to_num(NOWHERE).clamp(NOWHERE, -NOWHERE)
    corners = corners.long().flatten(3) - RADIUS
    best, index = blocks.best(*corners.transpose(1, 3).unbind(2), 2 * RADIUS + 1, number)
    placed = best.isfinite()
    lost = (~placed).any(dim=0).nonzero().flatten()
    if len(lost):
        found = blocks.search(lost, search, aligned)
        better = ~placed[:, lost]
        for here, there in zip((best, index), found):
            here[:, lost] = torch.where(better, there, here[:, lost])
    count = min(SAMPLES, grid.number_of_blocks)
    sample = (number[:count] * GOLDEN_RATIO % 1 * grid.number_of_blocks).long()
    own, (found, _) = best[:, sample], blocks.search(sample, search, everywhere)
    clear = found > own + CLEARLY_BETTER
    unsure = (clear & placed[:, sample]).float().mean(dim=1, keepdim=True) > UNSURE
    margin = torch.where(placed & unsure, BETTER, CLEARLY_BETTER)
    low = torch.where(clear, own, -torch.inf).amax(dim=1)
    limit = low.maximum(found.amin(dim=1))[:, None]
    poor = (~(best > limit)).any(dim=0).nonzero().flatten()
    if len(poor):
        found, elsewhere = blocks.search(poor, search, everywhere)
        better = ~(found <= (best + margin)[:, poor]) & ~(best[:, poor] > limit)
        index[:, poor] = torch.where(better, elsewhere, index[:, poor])
    return index


def _regions(grid: BlockGrid) -> tuple[Region, Region]:
    """Return the rows and columns of Ref↓ that are aligned with the photo, and all of them."""
    everywhere = tuple(slice(0, length) for length in grid.ref)
    flat = grid.places.movedim(2, 0).flatten(1)
    first = flat.nan_to_num(torch.inf).amin(dim=1) - RADIUS
    last = flat.nan_to_num(-torch.inf).amax(dim=1) + RADIUS + 1
    bounds = zip(first.tolist(), last.tolist(), grid.ref)
    aligned = tuple(slice(int(max(0, a)), int(min(b, n))) for a, b, n in bounds if a < n and b > 0)
    return (aligned if len(aligned) == 2 else everywhere), everywhere


class Blocks:
    """The blocks of an LR, each of which can be searched in windows of Ref↓ of its own (Eq. 1).

    Takes F_LR and F_Ref↓, (N, C, h, w) and (N, C, H, W), and the norms of Ref↓'s patches, for each
    dilation (N, 1, H, W).
    """

    def __init__(
        self, lr: Tensor, ref_down: Tensor, norms: Sequence[Tensor], grid: BlockGrid
    ) -> None:
        self.lr, self.ref_down, self.norms, self.grid = lr, ref_down, norms, grid
        self.patches = centre_patches(lr, grid).transpose(1, 2)
        self.pixels = ref_down.permute(0, 2, 3, 1).contiguous()

    def search(self, number: Tensor, search: Search, region: Region) -> tuple[Tensor, Tensor]:
        """Search blocks in a region of Ref↓: the sums of cosines, and where, (N, B) each."""
        rows, columns = region
        few, grid = strip(self.lr, number, self.grid)
        size = rows.stop - rows.start, columns.stop - columns.start
        index = search(few, self.ref_down[:, :, rows, columns], grid._replace(ref=size))
        top, left = index // size[1] + rows.start, index % size[1] + columns.start
        return self.best(top[..., None], left[..., None], 1, number)

    def best(
        self, top: Tensor, left: Tensor, side: int, number: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Find the best position of each block in windows by the whole sum of cosines.

        Takes the first rows and columns of the windows, (N, B, S), which may reach over the border,
        and which B blocks are meant if not all. Returns the sums, -∞ where all windows lie outside,
        and flat indices into the Ref↓ grid, the lowest of equal ones, (N, B) each.
        """
        n, count, per_block = top.shape
        elements = n * per_block * (side + 2 * self.grid.reach) ** 2 * self.pixels.shape[3]
        found = []
        for part in groups(count, elements, self.grid.max_elements):
            patches = self.patches[:, part if number is None else number[part]]
            found.append(self._best_of(patches, top[:, part], left[:, part], side))
        best, index = (joined(parts, dim=1) for parts in zip(*found))
        return best, index

    def _best_of(
        self, patches: Tensor, top: Tensor, left: Tensor, side: int
    ) -> tuple[Tensor, Tensor]:
        """Do the same for as many blocks as may be searched at once, by their centre patches."""
        height, width, channels = self.pixels.shape[1:]
        size, reach = self.grid.patch_size, self.grid.reach
        corners = ((first - reach).flatten(1) for first in (top, left))
        around = windows(self.pixels, *corners, side + 2 * reach)
        products = torch.matmul(
            patches.movedim(3, -1).flatten(2, 4),
            around.view(*top.shape[:2], -1, channels).transpose(2, 3),
        )
        products = products.unflatten(3, (-1, *around.shape[2:4]))
        products = products.unflatten(2, (len(self.norms), size, size))
        step = torch.arange(side, device=top.device)
        rows, columns = top[..., None, None] + step[:, None], left[..., None, None] + step
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
        total = 0
        for i, (dilation, norm) in enumerate(zip(self.grid.dilations, self.norms)):
            first = reach - dilation * self.grid.radius
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


def strip(lr: Tensor, number: Tensor, grid: BlockGrid) -> tuple[Tensor, BlockGrid]:
    """Return an LR of what some blocks' centre patches see, (N, C, side, B·side), and its grid."""
    side, pixels = 2 * grid.reach + 1, lr.permute(0, 2, 3, 1)
    top = number // grid.blocks[1] * grid.block[0] + grid.block[0] // 2 - grid.reach
    left = number % grid.blocks[1] * grid.block[1] + grid.block[1] // 2 - grid.reach
    count, reach = len(number), torch.arange(side, device=lr.device)
    rows, columns = (
        (first[:, None] + reach).clamp(0, size - 1) for first, size in zip((top, left), grid.lr)
    )
    cut = pixels[:, rows[:, :, None], columns[:, None, :]]
    few = cut.permute(0, 4, 2, 1, 3).flatten(3)
    return few, grid._replace(lr=(side, side * count), blocks=(1, count), places=None)


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
