"""Crops of one place by several methods, side by side as in Fig. 4."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .panels import Panel, in_a_row

ROW = 5
"""Crops in a row."""
RED = (255, 0, 0)


def detailed_place(image: np.ndarray, side: int) -> tuple[int, int]:
    """Return where a square crop of an image has the most detail.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8, RGB.
        side (int): Height and width of the crop, at most H and W.

    Returns:
        tuple[int, int]: Top and left of the crop with the largest sum of squared differences
        between neighbouring pixels.
    """
    luma = image.astype(float).mean(axis=2)
    detail = np.zeros_like(luma)
    detail[1:] += np.diff(luma, axis=0) ** 2
    detail[:, 1:] += np.diff(luma, axis=1) ** 2
    sums = cv2.integral(detail)
    found = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return tuple(int(index) for index in np.unravel_index(found.argmax(), found.shape))


def crops(gt: np.ndarray, results: Mapping[str, np.ndarray], side: int = 64) -> np.ndarray:
    """Draw an HR image with a box, and what is in the box in the results of several methods.

    Args:
        gt (np.ndarray): HR image, shape (H, W, 3), uint8, RGB.
        results (Mapping[str, np.ndarray]): SR images of that shape by their captions.
        side (int): Height and width of the box. Default: 64, or what fits.

    Returns:
        np.ndarray: Shape (H', W', 3), uint8, RGB: the HR image to the left, the crops enlarged in
        rows to the right, the last of them the HR image's.
    """
    side = min(side, *gt.shape[:2])
    top, left = detailed_place(gt, side)
    boxed = Image.fromarray(gt)
    box = (left, top, left + side - 1, top + side - 1)
    ImageDraw.Draw(boxed).rectangle(box, outline=RED, width=max(1, gt.shape[0] // 150))
    enlarged = max(1, 160 // side) * side
    panels = []
    for caption, image in {**results, 'HR': gt}.items():
        crop = Image.fromarray(image[top : top + side, left : left + side])
        crop = crop.resize((enlarged, enlarged), Image.Resampling.NEAREST)
        panels.append(Panel(caption, np.array(crop)))
    rows = [in_a_row(panels[i : i + ROW], enlarged) for i in range(0, len(panels), ROW)]
    width = max(row.shape[1] for row in rows)
    grid = np.vstack([_widened(row, width) for row in rows])
    return np.hstack([_beside(np.array(boxed), len(grid)), grid])


def _widened(row: np.ndarray, width: int) -> np.ndarray:
    """Return a row of crops with white to its right."""
    missing = ((0, 0), (0, width - row.shape[1]), (0, 0))
    return np.pad(row, missing, constant_values=255)


def _beside(image: np.ndarray, height: int) -> np.ndarray:
    """Return an image at a height, its sides in proportion."""
    size = (max(1, round(image.shape[1] * height / image.shape[0])), height)
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
