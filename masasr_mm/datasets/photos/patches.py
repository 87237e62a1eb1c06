"""Cutting photographs into patches that have something to learn from."""

from __future__ import annotations

import numpy as np

from .selection import flat_part, lost_detail

SIDE = 256
LEAST_DETAIL = 3.0
MOST_FLAT = 0.3
MOST = 32
"""Patches of one photograph, so that none outweighs the others."""


def cut_patches(photo: np.ndarray) -> dict[str, np.ndarray]:
    """Cut a photograph into squares that cover it, and keep those of most detail.

    Args:
        photo (np.ndarray): Pixels (H, W, 3), uint8; H and W are at least 256.

    Returns:
        dict[str, np.ndarray]: Patches, (256, 256, 3) uint8, by row and column of their upper left
        pixel (``'0256_0000'``), that of most detail first; at most 32, all with some detail and no
        large part that is one colour, such as what was cut out of a picture.
    """
    patches = {
        f'{top:04d}_{left:04d}': photo[top : top + SIDE, left : left + SIDE]
        for top in _starts(photo.shape[0])
        for left in _starts(photo.shape[1])
    }
    detail = {place: lost_detail(patch) for place, patch in patches.items()}
    return {
        place: patches[place]
        for place in sorted(detail, key=detail.__getitem__, reverse=True)[:MOST]
        if detail[place] >= LEAST_DETAIL and flat_part(patches[place]) < MOST_FLAT
    }


def _starts(length: int) -> list[int]:
    """Return where patches begin along a side, evenly spread from end to end."""
    count = -(-length // SIDE)
    return np.linspace(0, length - SIDE, count).astype(int).tolist()
