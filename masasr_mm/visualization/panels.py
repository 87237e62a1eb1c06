"""Pictures side by side, each with a caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

GAP = 8


class Panel(NamedTuple):
    """A picture with its caption.

    Attributes:
        caption (str): One line.
        image (np.ndarray): Shape (H, W, 3), uint8, RGB.
    """

    caption: str
    image: np.ndarray


def in_a_row(panels: Sequence[Panel], height: int) -> np.ndarray:
    """Put pictures beside each other at one height.

    Args:
        panels (Sequence[Panel]): The pictures; those of that height keep their pixels.
        height (int): Height of each.

    Returns:
        np.ndarray: Shape (H, W, 3), uint8, RGB, white between the pictures.
    """
    images = [_of_height(panel.image, height) for panel in panels]
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


def _of_height(array: np.ndarray, height: int) -> Image.Image:
    """Return a picture in another size, its sides in proportion."""
    image = Image.fromarray(array)
    if image.height == height:
        return image
    width = max(1, round(image.width * height / image.height))
    return image.resize((width, height), Image.Resampling.LANCZOS)
