"""What super-resolution changed, beside plain enlargement and the references."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .panels import Panel, in_a_row


def compare(lq: np.ndarray, result: np.ndarray, ref: np.ndarray, num_refs: int = 1) -> np.ndarray:
    """Draw the LR image enlarged bicubically, the SR image and the references side by side.

    Args:
        lq (np.ndarray): LR image, shape (h, w, 3), uint8, RGB.
        result (np.ndarray): SR image, shape (scale·h, scale·w, 3), uint8, RGB.
        ref (np.ndarray): References stacked from top to bottom, shape (H, W, 3), uint8, RGB.
        num_refs (int): How many references are stacked. Default: 1.

    Returns:
        np.ndarray: The picture, uint8, RGB.
    """
    height, width = result.shape[:2]
    bicubic = Image.fromarray(lq).resize((width, height), Image.Resampling.BICUBIC)
    references = np.split(ref, num_refs)
    names = ['reference'] if num_refs == 1 else [f'reference {i + 1}' for i in range(num_refs)]
    panels = [Panel('bicubic', np.array(bicubic)), Panel('MASA-SR', result)]
    return in_a_row(panels + [Panel(*pair) for pair in zip(names, references)], height)
