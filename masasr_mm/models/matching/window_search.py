"""Stage 1 where it is known where in Ref↓ each block lies: around that place first (Eq. 1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .blocks import BlockGrid, groups
from .stages import best_in_windows, centre_patches, patch_norms

RADIUS = 8
"""How far from its own place the centre of a block is looked for, in positions of Ref↓."""
SAMPLES = 128
"""Blocks that are searched everywhere to see what may be found."""
GOLDEN_RATIO = 0.6180339887
CLEARLY_BETTER = 0.1
"""By how much a sum of cosines elsewhere must be greater than at a block's own place."""
NOWHERE = -(2.0**24)

Search = Callable[[Tensor, Tensor, BlockGrid], Tensor]


def coarse_match(lr: Tensor, ref_down: Tensor, grid: BlockGrid, search: Search) -> Tensor:
    """Find the centre of the most relevant Ref↓ block of every LR block around its own places.

    Some samples are searched everywhere, by ``search``. So are the blocks that have no place, those
    with no more similarity there than a sample that was found clearly better elsewhere, and those
    with less than any sample. Takes and returns what :func:`.stages.coarse_match` does.
    """
    blocks = _Blocks(lr, ref_down, grid)
    reach = torch.arange(grid.number_of_blocks, device=lr.device)
    corners = grid.places.round().nan_to_num(NOWHERE).long().flatten(3) - RADIUS
    best, index = blocks.best(reach, *corners.transpose(1, 3).unbind(2), 2 * RADIUS + 1)
    count = min(SAMPLES, grid.number_of_blocks)
    sample = torch.arange(count, device=lr.device) * GOLDEN_RATIO % 1 * grid.number_of_blocks
    own, (found, _) = best[:, sample.long()], blocks.anywhere(sample.long(), search)
    low = torch.where(found > own + CLEARLY_BETTER, own, -torch.inf).amax(dim=1)
    least = torch.where(own.isfinite(), found, torch.inf).amin(dim=1)
    poor = ~(best > low.maximum(least)[:, None])
    number = poor.any(dim=0).nonzero().flatten()
    if len(number):
        found, elsewhere = blocks.anywhere(number, search)
        better = ~(found <= best[:, number] + CLEARLY_BETTER)
        index[:, number] = torch.where(better, elsewhere, index[:, number])
    return index


class _Blocks:
    """The blocks of an LR, which can be searched apart from each other."""

    def __init__(self, lr: Tensor, ref_down: Tensor, grid: BlockGrid) -> None:
        self.lr, self.ref_down, self.grid = lr, ref_down, grid
        self.patches = centre_patches(lr, grid).transpose(1, 2)
        self.norms = patch_norms(ref_down, grid.patch_size, grid.dilations).split(1, dim=1)
        self.pixels = ref_down.permute(0, 2, 3, 1).contiguous()

    def best(self, number: Tensor, top: Tensor, left: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Search windows, (N, B, S), of blocks: the sums of cosines, and where, (N, B) each."""
        n, _, count = top.shape
        elements = n * count * (side + 2 * self.grid.reach) ** 2 * self.pixels.shape[3]
        found = [
            best_in_windows(
                top[:, group],
                left[:, group],
                side,
                self.patches[:, number[group]],
                self.pixels,
                self.norms,
                self.grid,
            )
            for group in groups(len(number), elements, self.grid.max_elements)
        ]
        best, index = (torch.cat(parts, dim=1) for parts in zip(*found))
        return best, index

    def anywhere(self, number: Tensor, search: Search) -> tuple[Tensor, Tensor]:
        """Search everywhere: the sums of cosines, and where, (N, B) each."""
        few, grid = strip(self.lr, number, self.grid)
        index = search(few, self.ref_down, grid)
        row, column = index // self.grid.ref[1], index % self.grid.ref[1]
        best, _ = self.best(number, row[..., None], column[..., None], 1)
        return best, index


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
