"""Stage 1 where it is known where in Ref↓ each block lies: around that place first (Eq. 1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .blocks import BlockGrid
from .stages import best_in_windows, centre_patches, patch_norms

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
Region = tuple[slice, slice]
"""Rows and columns."""


def coarse_match(lr: Tensor, ref_down: Tensor, grid: BlockGrid, search: Search) -> Tensor:
    """Find the centre of the most relevant Ref↓ block of every LR block around its own places.

    A block without one is sought in all that is aligned with the photo. Some samples are searched
    everywhere, by ``search``; so are the blocks with no more similarity than a sample that is
    clearly better elsewhere, and those with less than any sample, and they take what they find if
    it is better by a margin, so that the rest of Ref↓ is used only where it has to be. Takes and
    returns what :func:`.stages.coarse_match` does.
    """
    blocks, (aligned, everywhere) = _Blocks(lr, ref_down, grid), _regions(grid)
    number = torch.arange(grid.number_of_blocks, device=lr.device)
    corners = grid.places.round().nan_to_num(NOWHERE).clamp(NOWHERE, -NOWHERE)
    corners = corners.long().flatten(3) - RADIUS
    best, index = blocks.best(number, *corners.transpose(1, 3).unbind(2), 2 * RADIUS + 1)
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


class _Blocks:
    """The blocks of an LR, which can be searched apart from each other."""

    def __init__(self, lr: Tensor, ref_down: Tensor, grid: BlockGrid) -> None:
        self.lr, self.ref_down, self.grid = lr, ref_down, grid
        self.patches = centre_patches(lr, grid).transpose(1, 2)
        self.norms = patch_norms(ref_down, grid.patch_size, grid.dilations).split(1, dim=1)
        self.pixels = ref_down.permute(0, 2, 3, 1).contiguous()

    def best(self, number: Tensor, top: Tensor, left: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Search windows, (N, B, S), of blocks: the sums of cosines, and where, (N, B) each."""
        given = self.patches, self.pixels, self.norms, self.grid
        return best_in_windows(top, left, side, *given, number)

    def search(self, number: Tensor, search: Search, region: Region) -> tuple[Tensor, Tensor]:
        """Search blocks in a region of Ref↓: the sums of cosines, and where, (N, B) each."""
        rows, columns = region
        few, grid = strip(self.lr, number, self.grid)
        size = rows.stop - rows.start, columns.stop - columns.start
        index = search(few, self.ref_down[:, :, rows, columns], grid._replace(ref=size))
        top, left = index // size[1] + rows.start, index % size[1] + columns.start
        return self.best(number, top[..., None], left[..., None], 1)


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
