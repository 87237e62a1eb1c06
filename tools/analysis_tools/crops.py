"""Crops of one place by several methods, side by side as in Fig. 4."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from PIL import Image, ImageDraw

from masasr_mm.visualization.panels import Panel, at_height, in_a_row

ROW = 5  # crops in a row
RED = (255, 0, 0)


def crops(gt: np.ndarray, results: Mapping[str, np.ndarray], side: int = 64) -> np.ndarray:
    """Draw an HR image with a box to the left, and what is in the box by method to the right.

    ``results`` holds SR images of the shape of ``gt``, (H, W, 3), uint8, RGB, by their captions;
    the last crop is the HR image's.
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
    grid = np.vstack(
        [
            np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255)
            for row in rows
        ]
    )
    return np.hstack([np.array(at_height(np.array(boxed), len(grid))), grid])


def detailed_place(image: np.ndarray, side: int) -> tuple[int, int]:
    """Return top and left of the square with the largest sum of squared differences of pixels."""
    luma = image.astype(float).mean(axis=2)
    detail = np.zeros_like(luma)
    detail[1:] += np.diff(luma, axis=0) ** 2
    detail[:, 1:] += np.diff(luma, axis=1) ** 2
    sums = cv2.integral(detail)
    sums = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return tuple(int(index) for index in np.unravel_index(sums.argmax(), sums.shape))
