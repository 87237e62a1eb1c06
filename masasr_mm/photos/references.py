"""References as the network takes them: aligned, stacked and reduced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..alignment import Alignment, KeyPointCache, align_all
from ..datasets.transforms.packing import Layout, arrange, pack
from ..datasets.transforms.references import PadToMultiple


class StackedReferences(NamedTuple):
    """References in one image.

    Attributes:
        ref (np.ndarray): All parts of all references, shape (scale·H, scale·W, 3), uint8, RGB.
        ref_down (np.ndarray): ``ref`` bicubically reduced, shape (H, W, 3), uint8, RGB.
        layout (Layout): Where in ``ref`` they lie; an aligned reference has up to two parts.
        alignments (tuple[Alignment, ...]): What was done with each reference; empty where none was
            to be aligned.
    """

    ref: np.ndarray
    ref_down: np.ndarray
    layout: Layout
    alignments: tuple[Alignment, ...]


def stack(
    lq: np.ndarray,
    references: Sequence[np.ndarray],
    scale: int,
    align: str,
    cache: KeyPointCache | None = None,
) -> StackedReferences:
    """Do what ``configs/_base_/inference.py`` has mmagic's transforms do, without importing them.

    Args:
        lq (np.ndarray): The LR image, shape (h, w, 3), uint8, RGB.
        references (Sequence[np.ndarray]): Its references, each (H, W, 3), uint8, RGB; at least one.
        scale (int): How many times larger the result will be.
        align (str): How to bring the references to the frame of the LR image first, one of the
            ``METHODS`` of :func:`masasr_mm.alignment.align`, or 'off'.
        cache (KeyPointCache, optional): Key points of the references before. Default: None.

    Returns:
        StackedReferences: For the network.
    """
    alignments, parts = (), list(references)
    if align != 'off':
        alignments, parts = align_all(lq, parts, scale, cache, align)
    layout = arrange([part.shape[:2] for part in parts])
    packed = dict(ref=pack(parts, layout))
    ref = PadToMultiple('ref', scale, position='bottom_right')(packed)['ref']
    height, width = ref.shape[:2]
    size = (width // scale, height // scale)
    ref_down = np.array(Image.fromarray(ref).resize(size, Image.Resampling.BICUBIC))
    return StackedReferences(ref, ref_down, layout, alignments)
