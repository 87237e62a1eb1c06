"""MEM as the paper writes it, with all patches unfolded: the independent truth of the tests."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.nn import functional as F


def patches(feature: Tensor, size: int = 3, dilation: int = 1) -> Tensor:
    """The patches around all positions of (C, H, W), zero outside: (H·W, C·size²)."""
    return F.unfold(feature[None], size, dilation, padding=dilation * (size // 2))[0].T


def inner_patches(feature: Tensor, size: int = 3, dilation: int = 1) -> Tensor:
    """The patches that lie inside of (C, H, W), in row order."""
    return F.unfold(feature[None], size, dilation)[0].T


def cosines(p: Tensor, q: Tensor) -> Tensor:
    """Eq. 1 and 2, of every row of one with every row of the other."""
    return F.normalize(p, dim=1, eps=1e-12) @ F.normalize(q, dim=1, eps=1e-12).T


def repeated(feature: Tensor, rim: int) -> Tensor:
    """(C, H, W) with its border repeated."""
    return F.pad(feature[None], [rim] * 4, mode='replicate')[0]


def coarse_scores(
    lr: Tensor,
    ref_down: Tensor,
    block: tuple[int, int] = (8, 8),
    dilations=(1, 2, 3),
    size: int = 3,
) -> Tensor:
    """Stage 1, Eq. 1: the centre patches of all blocks with all positions, (K, H·W)."""
    (h, w), total = lr.shape[1:], 0
    y, x = (torch.arange(n // 2, m, n) for n, m in zip(block, (h, w)))
    centres = (y[:, None] * w + x).flatten()
    for d in dilations:
        p = inner_patches(repeated(lr, d * (size // 2)), size, d)[centres]
        total = total + cosines(p, patches(ref_down, size, d))
    return total


def extract(ref_block: Tensor, index: Tensor, similarity: Tensor, scale: int) -> Tensor:
    """Stage 3, Eq. 5, for one block: paste patches, average what overlaps, weight by R."""
    ky, kx = index.shape
    dx = ref_block.shape[2] // scale - 2
    total = ref_block.new_zeros(len(ref_block), (ky + 2) * scale, (kx + 2) * scale)
    count = torch.zeros_like(total)
    for y, x in itertools.product(range(ky), range(kx)):
        v, u = divmod(int(index[y, x]), dx)
        taken = ref_block[:, v * scale : (v + 3) * scale, u * scale : (u + 3) * scale]
        left, right = x * scale, (kx - 1 - x) * scale
        top, bottom = y * scale, (ky - 1 - y) * scale
        total = total + F.pad(taken, (left, right, top, bottom))
        count[:, top : top + 3 * scale, left : left + 3 * scale] += 1
    mean = (total / count)[:, scale:-scale, scale:-scale]
    enlarged = F.interpolate(
        similarity[None, None], scale_factor=scale, mode='bilinear', align_corners=False
    )
    return mean * enlarged[0]


def match_and_extract(
    lr: Tensor, ref_down: Tensor, refs: dict[int, Tensor], block_size: int = 8
) -> tuple[dict, dict[int, Tensor]]:
    """The whole module for one sample: (C, h, w), (C, H, W) and {s: (C, s·H, s·W)}."""
    h, w = lr.shape[1:]
    grid = ref_down.shape[1:]
    py, px = h // block_size, w // block_size
    ky, kx = h // py, w // px
    size = tuple(min(2 * int((g // (2 * p)) * 1.5) + 1, g - 2) for g, p in zip(grid, (py, px)))
    out = dict(coarse=coarse_scores(lr, ref_down, (ky, kx)).argmax(dim=1), fine=[], similarity=[])
    textures = {s: ref.new_zeros(ref.shape[0], s * h, s * w) for s, ref in refs.items()}
    for k, (row, column) in enumerate(itertools.product(range(py), range(px))):
        centre = divmod(int(out['coarse'][k]), grid[1])
        # A rimmed block, centred there and shifted into the grid.
        top, left = (
            max(0, min(c - (n + 2) // 2, g - n - 2)) for c, n, g in zip(centre, size, grid)
        )
        rows, columns = slice(top, top + size[0] + 2), slice(left, left + size[1] + 2)
        block = repeated(lr, 1)[
            :, row * ky : (row + 1) * ky + 2, column * kx : (column + 1) * kx + 2
        ]
        # Stage 2, Eq. 2-4
        best = cosines(inner_patches(block), inner_patches(ref_down[:, rows, columns])).max(dim=1)
        similarity, index = (values.view(ky, kx) for values in best)
        out['fine'].append(index)
        out['similarity'].append(similarity)
        for s, ref in refs.items():
            cut = [slice(part.start * s, part.stop * s) for part in (rows, columns)]
            piece = extract(ref[:, cut[0], cut[1]], index, similarity, s)
            left, top = column * kx * s, row * ky * s
            textures[s] = textures[s] + F.pad(
                piece, (left, w * s - left - kx * s, top, h * s - top - ky * s)
            )
    return out, textures
