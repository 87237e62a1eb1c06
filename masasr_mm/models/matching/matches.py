"""What the matching finds (Eq. 1–4)."""

from __future__ import annotations

from typing import NamedTuple

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
        """Return the matches of some blocks, which are independent of the others.

        Args:
            rows (slice): Rows of blocks.
            columns (slice): Columns of blocks.

        Returns:
            Matches: Of these blocks alone.
        """
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
