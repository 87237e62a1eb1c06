"""Examples for the demo page: photographs that ship with scikit-image."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

Example = tuple[str, list[str]]
"""A photo and its references."""


def write_examples(folder: Path) -> list[Example]:
    """Write LR photos and references.

    Args:
        folder (Path): Where to.

    Returns:
        list[Example]: Each photo with its references.
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


def freshened(example: Example) -> Example:
    """Give the files of an example their whole time to live.

    Gradio copies them to where uploads lie, with the time that they were written at; copies of a
    page that has run for long would be deleted before anything is made of them.

    Args:
        example (Example): The example.

    Returns:
        Example: The same.
    """
    photo, refs = example
    for path in (photo, *refs):
        os.utime(path)
    return example
