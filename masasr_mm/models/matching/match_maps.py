"""Where the texture of one image came from, as arrays for pictures and reports."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from .matches import Matches


class MatchMaps(NamedTuple):
    """The matches of one LR image (Sec. 3.1), in pixels of LR and Ref↓.

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
    """Bring what the network matched into the form that people look at.

    Args:
        matches (Matches): What the matching found, for LR images that may have been padded.
        height (int): Height of the LR without padding.
        width (int): Width of the LR without padding.
        scale (int): The scale of the super-resolution.

    Returns:
        list[MatchMaps]: One for each image of the batch.
    """
    grid_width = matches.grid[1]
    padded = matches.position.shape[1:]
    block_size = (padded[0] // matches.blocks[0], padded[1] // matches.blocks[1])
    coarse = matches.coarse_index.unflatten(1, matches.blocks)
    position = matches.position[:, :height, :width]
    similarity = matches.similarity.detach()[:, :height, :width].float()
    return [
        MatchMaps(
            position=_row_and_column(position[index], grid_width),
            similarity=similarity[index].cpu().numpy(),
            block_position=_row_and_column(coarse[index], grid_width),
            block_size=block_size,
            grid=matches.grid,
            scale=scale,
        )
        for index in range(len(position))
    ]


def _row_and_column(flat: Tensor, width: int) -> np.ndarray:
    """Return flat indices as (y, x) in a new last dimension."""
    return np.stack(np.divmod(flat.cpu().numpy(), width), axis=-1)
