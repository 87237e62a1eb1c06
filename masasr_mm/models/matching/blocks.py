"""Blocks of F_LR and F_Ref↓ (Fig. 3): where they lie, and how features are cut into them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor

Size = tuple[int, int]
"""Height and width."""
Region = tuple[slice, slice]
"""Rows and columns."""


class BlockGrid(NamedTuple):
    """How F_LR and F_Ref↓ of some sizes are cut into blocks and patches, and matched.

    The LR is cut into blocks that touch; a Ref↓ block lies wherever Stage 1 puts its centre.
    """

    lr: Size  # of F_LR, (h, w)
    ref: Size  # of F_Ref↓, (H, W): the grid that flat indices y·W + x go into
    blocks: Size  # LR blocks in a column and in a row, (py, px)
    ref_block: Size  # candidates in the height and the width of a Ref↓ block, (dy, dx)
    patch_size: int
    dilations: tuple[int, ...]  # of the centre patches in Stage 1
    max_elements: int | None  # numbers that may be held at once; None for all
    # Where in Ref↓ the centre of each LR block should lie, (y, x), for each of P aligned
    # references, (N, P, 2, py, px), NaN where it is not shown; None where nothing is known.
    places: Tensor | None = None

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

    def with_margin(self, block: Size) -> Size:
        """Return the size of a block with a margin as wide as patches reach."""
        return block[0] + self.patch_size - 1, block[1] + self.patch_size - 1

    def centres(self, coarse_index: Tensor) -> Tensor:
        """Return the centres of Ref↓ blocks, shifted into the grid: flat indices, (N, K).

        The block of each centre has a margin as wide as patches reach.
        """
        height, width = self.with_margin(self.ref_block)
        y, x = coarse_index // self.ref[1], coarse_index % self.ref[1]
        y = y.clamp(height // 2, self.ref[0] - height + height // 2)
        return y * self.ref[1] + x.clamp(width // 2, self.ref[1] - width + width // 2)

    def positions(self, fine_index: Tensor, centre: Tensor) -> Tensor:
        """Return where on the Ref↓ grid the candidates D, (N, K, ky, kx), lie: flat, (N, h, w)."""
        candidates = window(*self.ref_block, self.ref[1], like=fine_index).flatten()[fine_index]
        return from_blocks(candidates + centre[..., None, None], self.blocks)


def kept(make: Callable) -> Callable:
    """Keep the last tensors that a function of sizes made, for the device of a tensor.

    Not where the network is compiled, exported or run without data: there they may not be kept.
    """

    @lru_cache(maxsize=32)
    def remembered(*sizes: Any, device: torch.device) -> Any:
        with torch.inference_mode(False):
            return make(*sizes, device=device)

    @wraps(make)
    def given(*sizes: Any, like: Tensor) -> Any:
        known = type(like) is Tensor and not torch.compiler.is_compiling()
        return (remembered if known else make)(*sizes, device=like.device)

    return given


@kept
def window(height: int, width: int, row_length: int, device: torch.device) -> Tensor:
    """Return flat indices around a position in rows of a length, (height, width)."""
    rows, columns = (
        torch.arange(-(size // 2), size - size // 2, device=device) for size in (height, width)
    )
    return rows[:, None] * row_length + columns


@kept
def first_positions(n: int, size: Size, device: torch.device) -> Tensor:
    """Return the number of the first position of each of n images, counted through, (n, 1)."""
    return torch.arange(n, device=device)[:, None] * (size[0] * size[1])


@kept
def lr_windows(
    n: int, lr: Size, blocks: Size, margin: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return where the LR blocks of n images lie with a margin, the border repeated.

    Samples, (n·K, 1, 1), rows, (n·K, ky + 2·margin, 1), and columns, (n·K, 1, kx + 2·margin).
    """
    (py, px), (ky, kx) = blocks, (lr[0] // blocks[0], lr[1] // blocks[1])
    pair = torch.arange(n * py * px, device=device)
    sample, block = pair // (py * px), pair % (py * px)
    rows, columns = (
        first[:, None] + torch.arange(-margin, side + margin, device=device)
        for first, side in ((block // px * ky, ky), (block % px * kx, kx))
    )
    rows, columns = rows.clamp(0, lr[0] - 1), columns.clamp(0, lr[1] - 1)
    return sample[:, None, None], rows[:, :, None], columns[:, None]


@kept
def centre_pixels(
    lr: Size, blocks: Size, dilations: tuple[int, ...], radius: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return where the pixels of the dilated centre patches lie, the border repeated.

    Rows, (dilations, py, 1, patch, 1), and columns, (dilations, 1, px, 1, patch).
    """
    steps = torch.arange(-radius, radius + 1, device=device)
    reach = torch.stack([dilation * steps for dilation in dilations])[:, None]
    rows, columns = (
        torch.arange(count, device=device)[:, None] * (size // count) + size // count // 2 + reach
        for size, count in zip(lr, blocks)
    )
    rows, columns = rows.clamp(0, lr[0] - 1), columns.clamp(0, lr[1] - 1)
    return rows[:, :, None, :, None], columns[:, None, :, None]


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


def patches_of(pixels: Tensor, patch_size: int) -> Tensor:
    """View the patches of (N, H, W, …) that lie inside as (N, h, w, …, patch, patch)."""
    return pixels.unfold(1, patch_size, 1).unfold(2, patch_size, 1)


def joined(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Return parts one behind another, which are not copied if there is one."""
    return torch.cat(parts, dim=dim) if len(parts) > 1 else parts[0]


def groups(
    count: int, elements: int, max_elements: int | None, max_count: int | None = None
) -> list[slice]:
    """Part ``count`` things of so many elements into groups of at most ``max_elements``, or one."""
    if max_elements is None:
        return [slice(0, count)]
    size = max(1, min(max_elements // elements, max_count or count))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
