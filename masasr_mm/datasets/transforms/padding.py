"""Replicate padding of one array."""

from __future__ import annotations

import mmcv
import numpy as np


def replicate_pad(
    image: np.ndarray, height: int, width: int, centered: bool = True
) -> tuple[np.ndarray, tuple[int, int]]:
    """Return an image padded to a size by repeating its border pixels.

    Args:
        image (np.ndarray): Image of shape (H, W, C).
        height (int): Height to reach, at least H.
        width (int): Width to reach, at least W.
        centered (bool): Pad all four sides evenly, with the odd pixel at the bottom and right;
            else pad the bottom and right alone. Defaults to True.

    Returns:
        tuple[np.ndarray, tuple[int, int]]: A new array of shape (height, width, C), and the row
        and column where the image begins in it.
    """
    rows, columns = height - image.shape[0], width - image.shape[1]
    top, left = (rows // 2, columns // 2) if centered else (0, 0)
    padding = (left, top, columns - left, rows - top)
    return mmcv.impad(image, padding=padding, padding_mode='edge'), (top, left)
