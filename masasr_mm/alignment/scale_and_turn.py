"""Scale and quarter turn of a reference where key points do not tell them: MEM compares some."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..models.agreement import agreement, detail_of, luminance
from ..models.matching import MatchExtractionModule
from .warping import resize

LONGEST_SIDE = 48  # of the LR image that is matched, in pixels
FACTORS = (0.5, 2**-0.5, 1.0, 2**0.5, 2.0)
"""How large a reference is tried, where 1 gives it the area of the SR frame."""
QUARTER_TURNS = (0, 1, 2, 3)
CLEARLY_BETTER = 0.05

FINER = 1.1
"""How many times finer than the photo's the pixels of a reference must be. As coarse as the photo's
and enlarged to the frame, real ones gain 0.1 dB where the photo is compressed and cost 0.3 to 0.6
where it is clean, coarser ones cost more, and they have as many pixels as the result."""


class Candidate(NamedTuple):
    """A scale and a turn of a reference.

    Attributes:
        factor (float): How many pixels of the SR frame one of its pixels becomes.
        turns (int): Quarter turns, counter-clockwise.
    """

    factor: float
    turns: int


def is_too_coarse(factor: float, scale: int) -> bool:
    """Tell whether a reference has no texture to give: hardly more detail than the photo.

    Args:
        factor (float): How many times it is to be enlarged to the SR frame.
        scale (int): The scale of the super-resolution.

    Returns:
        bool: Whether it is.
    """
    return factor * FINER > scale


def choose(lq: np.ndarray, ref: np.ndarray, scale: int) -> Candidate | None:
    """Choose the scale and quarter turn at which MEM finds most of the photo in the reference.

    MEM (Eq. 1–3) runs on luminance less its local mean, not on the encoder's features, so that
    the choice depends on no weights.

    Args:
        lq (np.ndarray): LR image, shape (h, w, 3), uint8, RGB.
        ref (np.ndarray): The reference, shape (H, W, 3), uint8, RGB.
        scale (int): The scale of the super-resolution.

    Returns:
        Candidate | None: None if no candidate shows clearly more of the photo than all that are
        turned otherwise, and than the reference as it is; or if it is too coarse then to have
        texture to give.
    """
    height, width = lq.shape[:2]
    reduction = min(1.0, LONGEST_SIDE / max(height, width))
    small = _whole_blocks(lq, reduction)
    as_large = scale * (height * width / (ref.shape[0] * ref.shape[1])) ** 0.5
    candidates = [
        Candidate(factor * as_large, turns) for factor, turns in product(FACTORS, QUARTER_TURNS)
    ]
    found = [_agreement(small, ref, c, reduction / scale) for c in candidates]
    best, score = max(zip(candidates, found), key=lambda pair: pair[1])
    if is_too_coarse(best.factor, scale):
        return None
    others = [value for c, value in zip(candidates, found) if c.turns != best.turns]
    as_it_is = _agreement(small, ref, Candidate(1.0, 0), reduction / scale)
    return best if score > max(*others, as_it_is) + CLEARLY_BETTER else None


def _whole_blocks(lq: np.ndarray, reduction: float) -> np.ndarray:
    """Return a reduced LR image that MEM's blocks divide."""
    block = MatchExtractionModule().block_size
    size = (max(1, round(length * reduction / block)) * block for length in lq.shape[:2])
    return resize(lq, tuple(size))


def _agreement(lq: np.ndarray, ref: np.ndarray, candidate: Candidate, reduction: float) -> float:
    """Return how much of a reduced LR image MEM finds in a reduced, turned reference."""
    matching = MatchExtractionModule()
    factor = candidate.factor * reduction
    size = tuple(max(matching.patch_size, round(length * factor)) for length in ref.shape[:2])
    ref_down = np.ascontiguousarray(np.rot90(resize(ref, size), candidate.turns))
    with torch.no_grad():
        [position] = matching(_feature(lq), _feature(ref_down)).position
    position = np.stack(np.divmod(position.numpy(), ref_down.shape[1]), axis=-1)
    return agreement(lq, ref_down, position)


def _feature(image: np.ndarray) -> Tensor:
    return torch.from_numpy(detail_of(luminance(image)))[None, None]
