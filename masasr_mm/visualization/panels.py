"""Pictures side by side, each with a caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from ..images.pixels import resize

GAP = 8


class Panel(NamedTuple):
    """A picture (H, W, 3), uint8, RGB, with a caption of one line."""

    caption: str
    image: np.ndarray


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
    panels = [Panel('bicubic', resize(lq, width, height)), Panel('MASA-SR', result)]
    for index, image in enumerate(np.split(ref, num_refs)):
        panels.append(Panel(f'reference {index + 1}' if num_refs > 1 else 'reference', image))
    return in_a_row(panels, height)


def in_a_row(panels: Sequence[Panel], height: int) -> np.ndarray:
    """Put pictures beside each other at one height; those of that height keep their pixels."""
    images = [at_height(panel.image, height) for panel in panels]
    font = ImageFont.truetype(font_manager.findfont('DejaVu Sans'), max(12, min(28, height // 20)))
    bar = 2 * GAP + sum(font.getmetrics())
    widths = [
        max(image.width, round(font.getlength(p.caption))) for image, p in zip(images, panels)
    ]
    size = (sum(widths) + GAP * (len(panels) + 1), height + bar + GAP)
    canvas = Image.new('RGB', size, 'white')
    draw = ImageDraw.Draw(canvas)
    left = GAP
    for panel, image, width in zip(panels, images, widths):
        draw.text((left, GAP), panel.caption, fill='black', font=font)
        canvas.paste(image, (left, bar))
        left += width + GAP
    return np.array(canvas)


def at_height(array: np.ndarray, height: int) -> Image.Image:
    """Return a picture at a height, its sides in proportion."""
    image = Image.fromarray(array)
    if image.height == height:
        return image
    width = max(1, round(image.width * height / image.height))
    return image.resize((width, height), Image.Resampling.LANCZOS)
