"""MEM as the paper writes it, position by position: the independent truth of the tests."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.nn import functional as F


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Eq. 1 and 2, of two patches."""
    a, b = a.reshape(-1), b.reshape(-1)
    return (a / a.norm().clamp(min=1e-12)) @ (b / b.norm().clamp(min=1e-12))


def patch(feature: Tensor, y: int, x: int, dilation: int = 1) -> Tensor:
    """The 3×3 patch around (y, x), zero outside."""
    padded = F.pad(feature, [dilation] * 4)
    return padded[:, y : y + 2 * dilation + 1 : dilation, x : x + 2 * dilation + 1 : dilation]


def rimmed_block(lr: Tensor, row: int, column: int, ky: int, kx: int) -> Tensor:
    """An LR block with a rim of one pixel."""
    padded = F.pad(lr[None], [1] * 4, mode='replicate')[0]
    return padded[:, row * ky : (row + 1) * ky + 2, column * kx : (column + 1) * kx + 2]


def coarse(block: Tensor, ref_down: Tensor, dilations=(1, 2, 3)) -> tuple[int, int]:
    """Stage 1, Eq. 1: the centre of the most relevant Ref↓ block."""
    y, x = block.shape[1] // 2, block.shape[2] // 2
    best, found = -torch.inf, (0, 0)
    for v, u in itertools.product(range(ref_down.shape[1]), range(ref_down.shape[2])):
        total = sum(
            cosine(block[:, y - d : y + d + 1 : d, x - d : x + d + 1 : d], patch(ref_down, v, u, d))
            for d in dilations
        )
        if total > best:
            best, found = total, (v, u)
    return found


def window(centre: tuple[int, int], size: tuple[int, int], grid: tuple[int, int]):
    """Top left of a rimmed block centred at a position and shifted into the grid."""
    return tuple(max(0, min(c - (n + 2) // 2, g - n - 2)) for c, n, g in zip(centre, size, grid))


def fine(block: Tensor, ref_block: Tensor) -> tuple[Tensor, Tensor]:
    """Stage 2, Eq. 2-4: index map and similarity map of one pair of blocks."""
    ky, kx = block.shape[1] - 2, block.shape[2] - 2
    dy, dx = ref_block.shape[1] - 2, ref_block.shape[2] - 2
    index = torch.zeros(ky, kx, dtype=torch.long)
    rows = []
    for y, x in itertools.product(range(ky), range(kx)):
        p = block[:, y : y + 3, x : x + 3]
        scores = torch.stack(
            [
                cosine(p, ref_block[:, v : v + 3, u : u + 3])
                for v, u in itertools.product(range(dy), range(dx))
            ]
        )
        index[y, x] = scores.argmax()
        rows.append(scores.max())
    return index, torch.stack(rows).view(ky, kx)


def extract(ref_block: Tensor, index: Tensor, similarity: Tensor, scale: int) -> Tensor:
    """Stage 3, Eq. 5, for one block: paste patches, average what overlaps, weight by R."""
    channels = ref_block.shape[0]
    ky, kx = index.shape
    dx = ref_block.shape[2] // scale - 2
    total = ref_block.new_zeros(channels, (ky + 2) * scale, (kx + 2) * scale)
    count = torch.zeros_like(total)
    for y, x in itertools.product(range(ky), range(kx)):
        v, u = divmod(int(index[y, x]), dx)
        here = (
            slice(None),
            slice(y * scale, (y + 3) * scale),
            slice(x * scale, (x + 3) * scale),
        )
        pasted = torch.zeros_like(total)
        pasted[here] = ref_block[:, v * scale : (v + 3) * scale, u * scale : (u + 3) * scale]
        total = total + pasted
        count[here] += 1
    mean = (total / count)[:, scale:-scale, scale:-scale]
    enlarged = F.interpolate(
        similarity[None, None], scale_factor=scale, mode='bilinear', align_corners=False
    )
    return mean * enlarged[0]


def match_and_extract(
    lr: Tensor, ref_down: Tensor, refs: dict[int, Tensor], block_size: int = 8
) -> dict:
    """The whole module for one sample: (C, h, w), (C, H, W) and {s: (C, s·H, s·W)}."""
    h, w = lr.shape[1:]
    grid = ref_down.shape[1:]
    py, px = h // block_size, w // block_size
    ky, kx = h // py, w // px
    size = tuple(min(2 * int((g // (2 * p)) * 1.5) + 1, g - 2) for g, p in zip(grid, (py, px)))
    out = dict(coarse=[], fine=[], similarity=[])
    textures = {s: ref.new_zeros(ref.shape[0], s * h, s * w) for s, ref in refs.items()}
    for row, column in itertools.product(range(py), range(px)):
        block = rimmed_block(lr, row, column, ky, kx)
        centre = coarse(block, ref_down)
        top, left = window(centre, size, grid)
        cut = [slice(top, top + size[0] + 2), slice(left, left + size[1] + 2)]
        index, similarity = fine(block, ref_down[:, cut[0], cut[1]])
        out['coarse'].append(centre[0] * grid[1] + centre[1])
        out['fine'].append(index)
        out['similarity'].append(similarity)
        for s, ref in refs.items():
            scaled = [slice(c.start * s, c.stop * s) for c in cut]
            piece = extract(ref[:, scaled[0], scaled[1]], index, similarity, s)
            here = (
                slice(None),
                slice(row * ky * s, (row + 1) * ky * s),
                slice(column * kx * s, (column + 1) * kx * s),
            )
            textures[s][here] = piece
    return out, textures
