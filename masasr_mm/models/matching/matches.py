"""What the matching finds (Eq. 1–4), for the network and for people."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor


class Matches(NamedTuple):
    """Where every LR position found its texture, for ``K = py·px`` blocks of ``ky×kx`` positions.

    Attributes:
        coarse_index (Tensor): Stage 1's choice, shape (N, K), blocks in row order; flat index
            ``y·W + x`` into the Ref↓ grid.
        fine_index (Tensor): Stage 2's choice D (Eq. 3), shape (N, K, ky, kx); flat index into the
            ``dy·dx`` candidates of the block.
        position (Tensor): The same choice as a flat index into the Ref↓ grid, shape (N, h, w).
        similarity (Tensor): R (Eq. 4), cosine in [-1, 1], shape (N, h, w).
        blocks (tuple[int, int]): Blocks in a column and in a row, (py, px).
        grid (tuple[int, int]): Size of the Ref↓ grid, (H, W).
    """

    coarse_index: Tensor
    fine_index: Tensor
    position: Tensor
    similarity: Tensor
    blocks: tuple[int, int]
    grid: tuple[int, int]

    def crop(self, rows: slice, columns: slice) -> Matches:
        """Return the matches of some rows and columns of blocks, which know nothing of others."""
        ky, kx = self.fine_index.shape[2:]
        indices = (
            index.unflatten(1, self.blocks)[:, rows, columns].flatten(1, 2)
            for index in (self.coarse_index, self.fine_index)
        )
        here = (
            slice(None),
            slice(rows.start * ky, rows.stop * ky),
            slice(columns.start * kx, columns.stop * kx),
        )
        blocks = (rows.stop - rows.start, columns.stop - columns.start)
        return Matches(*indices, self.position[here], self.similarity[here], blocks, self.grid)


class MatchMaps(NamedTuple):
    """The matches of one LR image (Sec. 3.1) as arrays, in pixels of LR and Ref↓.

    Attributes:
        position (np.ndarray): Where every LR pixel found its texture (Stage 2, Eq. 3): (y, x) on
            the Ref↓ grid, shape (h, w, 2), integers.
        similarity (np.ndarray): R (Eq. 4), cosine in [-1, 1], shape (h, w), float32.
        block_position (np.ndarray): The centre of the Ref↓ block that each LR block was matched
            to (Stage 1, Eq. 1): (y, x), shape (py, px, 2), integers. Block (i, j) covers the LR
            pixels from (i·ky, j·kx); the last ones may reach over the border of the LR.
        block_size (tuple[int, int]): Height and width of an LR block, (ky, kx).
        grid (tuple[int, int]): Height and width of Ref↓, (H, W).
        scale (int): A pixel of Ref↓ stands for scale×scale pixels of the reference.
    """

    position: np.ndarray
    similarity: np.ndarray
    block_position: np.ndarray
    block_size: tuple[int, int]
    grid: tuple[int, int]
    scale: int


def match_maps(matches: Matches, height: int, width: int, scale: int) -> list[MatchMaps]:
    """Return the matches of each image of a batch, whose height and width were padded perhaps."""
    padded = matches.position.shape[1:]
    block_size = (padded[0] // matches.blocks[0], padded[1] // matches.blocks[1])
    coarse, position = (
        np.stack(np.divmod(flat.cpu().numpy(), matches.grid[1]), axis=-1)
        for flat in (
            matches.coarse_index.unflatten(1, matches.blocks),
            matches.position[:, :height, :width],
        )
    )
    similarity = matches.similarity.detach()[:, :height, :width].float().cpu().numpy()
    return [
        MatchMaps(*arrays, block_size, matches.grid, scale)
        for arrays in zip(position, similarity, coarse)
    ]
