"""The weights that come with the package, by name; nothing heavy is imported to know them."""

from __future__ import annotations

from pathlib import Path

NAMES = ('photos', 'sharp', 'bicubic')
"""``photos`` for what cameras and messengers make, ``sharp`` for the same with all losses,
``bicubic`` for the benchmarks' reduction."""
DEFAULT = 'photos'
FAITHFUL, SHARP = 'photos', 'sharp'
"""The weights at sharpness 0 and 1, from which those between are interpolated."""

SCHEME = 'masasr_mm://'
"""What mmengine is to read as this package reads checkpoints begins so."""


def folder(name: str) -> Path:
    """Return where the weights of one of ``NAMES`` lie, in Hugging Face's layout."""
    return Path(__file__).parent / name
