"""Blocks of F_LR and F_Ref↓ (Fig. 3): where they lie, and how features are cut into them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

Size = tuple[int, int]
"""Height and width."""


class BlockGrid(NamedTuple):
    """How F_LR and F_Ref↓ of some sizes are cut into blocks and patches, and matched.

    The LR is cut into blocks that touch; a Ref↓ block lies wherever Stage 1 puts its centre.

    Attributes:
        lr (Size): Size of F_LR, (h, w).
        ref (Size): Size of F_Ref↓, (H, W): the grid that flat indices ``y·W + x`` go into.
        blocks (Size): LR blocks in a column and in a row, (py, px).
        ref_block (Size): Candidates in the height and the width of a Ref↓ block, (dy, dx).
        patch_size (int): Height and width of a patch.
        dilations (tuple[int, ...]): Of the centre patches in Stage 1.
        max_elements (int | None): Numbers that may be held at once; None for all.
        places (Tensor | None): Where in Ref↓ the centre of each LR block should lie, (y, x), for
            each of P references that are aligned: (N, P, 2, py, px), NaN where one shows it not.
            None where nothing is known.
    """

    lr: Size
    ref: Size
    blocks: Size
    ref_block: Size
    patch_size: int = 3
    dilations: tuple[int, ...] = (1, 2, 3)
    max_elements: int | None = None
    places: Tensor | None = None

    @classmethod
    def of(
        cls,
        lr: Size,
        ref: Size,
        block_size: int = 8,
        ref_block_ratio: float = 1.5,
        patch_size: int = 3,
        dilations: tuple[int, ...] = (1, 2, 3),
        max_elements: int | None = None,
    ) -> BlockGrid:
        """Cut features of some sizes; the other arguments are those of the module.

        A block of Ref↓ that has the LR's size holds ``ref_block_ratio`` times as many positions
        as an LR block, made odd; it never reaches over the grid.
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
        return cls(lr, ref, (py, px), (height, width), patch_size, dilations, max_elements)

    @property
    def block(self) -> Size:
        """Positions in the height and the width of an LR block, (ky, kx)."""
        return self.lr[0] // self.blocks[0], self.lr[1] // self.blocks[1]

    @property
    def number_of_blocks(self) -> int:
        """K, the LR blocks."""
        return self.blocks[0] * self.blocks[1]

    @property
    def radius(self) -> int:
        """How far a patch reaches from its centre."""
        return self.patch_size // 2

    @property
    def reach(self) -> int:
        """How far the most dilated patch reaches from its centre."""
        return max(self.dilations) * self.radius

    def corners(self, coarse_index: Tensor) -> tuple[Tensor, Tensor]:
        """Return first rows and columns of Ref↓ blocks with their margin, shifted into the grid.

        The block of each centre, (N, K), has a margin as wide as patches reach.
        """
        height, width = (size + self.patch_size - 1 for size in self.ref_block)
        top = (coarse_index // self.ref[1] - height // 2).clamp(0, self.ref[0] - height)
        left = (coarse_index % self.ref[1] - width // 2).clamp(0, self.ref[1] - width)
        return top, left

    def lr_corners(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """Return first rows and columns of LR blocks, by number, with their margin."""
        top = block // self.blocks[1] * self.block[0] - self.radius
        return top, block % self.blocks[1] * self.block[1] - self.radius

    def positions(self, fine_index: Tensor, coarse_index: Tensor) -> Tensor:
        """Return where on the Ref↓ grid the candidates D, (N, K, ky, kx), lie: flat, (N, h, w)."""
        top, left = (corner[..., None, None] for corner in self.corners(coarse_index))
        y = top + fine_index // self.ref_block[1] + self.radius
        x = left + fine_index % self.ref_block[1] + self.radius
        return from_blocks(y * self.ref[1] + x, self.blocks)


def to_blocks(image: Tensor, blocks: Size) -> Tensor:
    """Cut (N, h, w) into py·px blocks in row order, (N, py·px, ky, kx)."""
    n, h, w = image.shape
    py, px = blocks
    cut = image.reshape(n, py, h // py, px, w // px).transpose(2, 3)
    return cut.reshape(n, py * px, h // py, w // px)


def from_blocks(cut: Tensor, blocks: Size) -> Tensor:
    """Put blocks (N, py·px, ky, kx) back in place, (N, h, w): the folding that ends Stage 3."""
    n, _, ky, kx = cut.shape
    py, px = blocks
    return cut.reshape(n, py, px, ky, kx).transpose(2, 3).reshape(n, py * ky, px * kx)


def pixel_unshuffle(feature: Tensor, scale: int) -> Tensor:
    """Bring the s×s pixels of each position together: (N, C, s·H, s·W) to (N, H, W, s, s, C)."""
    unshuffled = feature.unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    return unshuffled.permute(0, 2, 4, 3, 5, 1).contiguous()


def pixel_shuffle(unshuffled: Tensor) -> Tensor:
    """Undo :func:`pixel_unshuffle`; the result has its channels last in memory."""
    n, h, w, scale, _, channels = unshuffled.shape
    rows = unshuffled.transpose(2, 3).reshape(n, h * scale, w * scale, channels)
    return rows.permute(0, 3, 1, 2)


def groups(
    count: int, elements: int, max_elements: int | None, max_count: int | None = None
) -> list[slice]:
    """Part ``count`` things of so many elements into groups of at most ``max_elements``, or one."""
    if max_elements is None:
        return [slice(0, count)]
    size = max(1, min(max_elements // elements, max_count or count))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
