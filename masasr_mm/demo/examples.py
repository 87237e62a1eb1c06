"""Examples for the demo page: photographs that ship with scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_examples(folder: Path) -> list[tuple[str, list[str]]]:
    """Write LR photos and references.

    Args:
        folder (Path): Where to.

    Returns:
        list[tuple[str, list[str]]]: Each photo with its references.
    """
    from skimage import data

    left, right, _ = data.stereo_motorcycle()
    astronaut = Image.fromarray(data.astronaut())
    turned = astronaut.rotate(7, Image.Resampling.BICUBIC).crop((60, 30, 380, 350))

    def save(image: Image.Image, name: str, shrink: int = 1) -> str:
        path = folder / name
        size = (image.width // shrink, image.height // shrink)
        image.resize(size, Image.Resampling.BICUBIC).save(path)
        return str(path)

    def crop(image: np.ndarray, *box: int) -> Image.Image:
        return Image.fromarray(image).crop(box)

    return [
        (
            save(crop(left, 60, 60, 460, 360), 'motorcycle.png', shrink=4),
            [save(crop(right, 40, 50, 460, 370), 'motorcycle_reference.png')],
        ),
        (
            save(astronaut.crop((80, 20, 380, 320)), 'astronaut.png', shrink=4),
            [save(turned, 'astronaut_reference.png')],
        ),
    ]
