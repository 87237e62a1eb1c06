"""Where the blocks of the LR and of Ref↓ lie (Fig. 3)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

Size = tuple[int, int]
"""Height and width."""


class BlockGrid(NamedTuple):
    """How F_LR and F_Ref↓ of some sizes are cut into blocks.

    The LR is cut into blocks that touch; a Ref↓ block lies wherever Stage 1 puts its centre.

    Attributes:
        lr (Size): Size of F_LR, (h, w).
        ref (Size): Size of F_Ref↓, (H, W): the grid that flat indices ``y·W + x`` go into.
        blocks (Size): LR blocks in a column and in a row, (py, px).
        ref_block (Size): Candidates in the height and the width of a Ref↓ block, (dy, dx).
        patch_size (int): Height and width of a patch.
    """

    lr: Size
    ref: Size
    blocks: Size
    ref_block: Size
    patch_size: int

    @classmethod
    def of(
        cls, lr: Size, ref: Size, block_size: int, ref_block_ratio: float, patch_size: int
    ) -> BlockGrid:
        """Cut features into blocks.

        A block of Ref↓ that has the LR's size holds ``ref_block_ratio`` times as many positions
        as an LR block, made odd; it never reaches over the grid.

        Args:
            lr (Size): Size of F_LR.
            ref (Size): Size of F_Ref↓.
            block_size (int): Aimed height and width of an LR block.
            ref_block_ratio (float): Size of a Ref↓ block over that of an LR block, once LR and
                Ref↓ have the same size.
            patch_size (int): Height and width of a patch, odd.

        Returns:
            BlockGrid: The blocks.

        Raises:
            ValueError: If blocks do not divide the LR, or Ref↓ is smaller than a patch.
        """
        py, px = (max(1, size // block_size) for size in lr)
        if lr[0] % py or lr[1] % px:
            raise ValueError(
                f'an LR of {lr[0]}×{lr[1]} cannot be cut into {py}×{px} equal blocks; '
                f'pad it to multiples of {block_size}'
            )
        if min(ref) < patch_size:
            raise ValueError(
                f'a Ref↓ of {ref[0]}×{ref[1]} holds no patch of {patch_size}×{patch_size}; pad it'
            )
        height, width = (
            torch.sym_min(
                2 * torch.sym_int(size // (2 * count) * ref_block_ratio) + 1,
                size - patch_size + 1,
            )
            for size, count in zip(ref, (py, px))
        )
        return cls(lr, ref, (py, px), (height, width), patch_size)

    @property
    def block(self) -> Size:
        """Size: Positions in the height and the width of an LR block, (ky, kx)."""
        return self.lr[0] // self.blocks[0], self.lr[1] // self.blocks[1]

    @property
    def number_of_blocks(self) -> int:
        """int: K, the LR blocks."""
        return self.blocks[0] * self.blocks[1]

    @property
    def radius(self) -> int:
        """int: How far a patch reaches from its centre."""
        return self.patch_size // 2

    def corners(self, coarse_index: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the Ref↓ blocks with their rims lie: shifted, not cut, into the grid.

        Args:
            coarse_index (Tensor): Centres of the Ref↓ blocks, shape (N, K).

        Returns:
            tuple[Tensor, Tensor]: First row and first column of every block, shape (N, K).
        """
        height, width = (size + self.patch_size - 1 for size in self.ref_block)
        top = (coarse_index // self.ref[1] - height // 2).clamp(0, self.ref[0] - height)
        left = (coarse_index % self.ref[1] - width // 2).clamp(0, self.ref[1] - width)
        return top, left

    def lr_corners(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """Return where LR blocks with their rims lie, which reach over the border.

        Args:
            block (Tensor): Which blocks, counted in row order, of any shape.

        Returns:
            tuple[Tensor, Tensor]: First row and first column of every block.
        """
        top = block // self.blocks[1] * self.block[0] - self.radius
        return top, block % self.blocks[1] * self.block[1] - self.radius

    def positions(self, fine_index: Tensor, coarse_index: Tensor) -> Tensor:
        """Return where on the Ref↓ grid the chosen candidates lie.

        Args:
            fine_index (Tensor): D, shape (N, K, ky, kx), flat indices into the candidates of each
                block.
            coarse_index (Tensor): Centres of the Ref↓ blocks, shape (N, K).

        Returns:
            Tensor: Flat indices into the grid, shape (N, h, w).
        """
        top, left = (corner[..., None, None] for corner in self.corners(coarse_index))
        y = top + fine_index // self.ref_block[1] + self.radius
        x = left + fine_index % self.ref_block[1] + self.radius
        return from_blocks(y * self.ref[1] + x, self.blocks)


def to_blocks(image: Tensor, blocks: Size) -> Tensor:
    """Cut an image into non-overlapping blocks (the unfolding of Stage 1).

    Args:
        image (Tensor): Shape (N, h, w).
        blocks (Size): Blocks in a column and in a row, (py, px).

    Returns:
        Tensor: Shape (N, py·px, h/py, w/px), blocks in row order.
    """
    n, h, w = image.shape
    py, px = blocks
    cut = image.reshape(n, py, h // py, px, w // px).transpose(2, 3)
    return cut.reshape(n, py * px, h // py, w // px)


def from_blocks(cut: Tensor, blocks: Size) -> Tensor:
    """Put blocks back in place (the folding that ends Stage 3); undoes :func:`to_blocks`.

    Args:
        cut (Tensor): Shape (N, py·px, ky, kx).
        blocks (Size): Blocks in a column and in a row, (py, px).

    Returns:
        Tensor: Shape (N, py·ky, px·kx).
    """
    n, _, ky, kx = cut.shape
    py, px = blocks
    return cut.reshape(n, py, px, ky, kx).transpose(2, 3).reshape(n, py * ky, px * kx)
