"""Small data sets on disk, in the layouts of the benchmarks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def write_images(folder: Path, names: Iterable[str], size: tuple[int, int] = (12, 10)) -> None:
    """Write images of different content, (width, height) = ``size``."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        pixels = np.random.default_rng(index).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)


def make_cufed(root: Path, names: Iterable[str] = ('a.png', 'b.png', 'c.png')) -> Path:
    write_images(root / 'input', names)
    write_images(root / 'ref', names)
    return root


def make_cufed5(root: Path, keys: Iterable[str] = ('000', '001'), references: int = 5) -> Path:
    write_images(root, [f'{key}_{number}.png' for key in keys for number in range(references + 1)])
    return root


def make_sun80(root: Path, names: Iterable[str], matches: int = 20) -> Path:
    write_images(root / 'Sun_Hays_SR_groundtruth', names)
    for name in names:
        write_images(
            root / 'Sun_Hays_SR_scenematches' / name, [f'{k:02d}.jpg' for k in range(matches)]
        )
    return root
