"""A super-resolved image with all that tells how it came about."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..alignment import Alignment
from ..alignment.agreement import agreement
from ..errors import UserError
from ..models.matching import MatchMaps
from .tracing import TracedMatches, trace

#: Below it a reference shows so little of the photo that its texture is likely to be wrong: of 70
#: pairs of views of one scene 67 are above it, of 370 pairs of unrelated photos 352 below.
LOW_AGREEMENT = 0.74


class Prediction(NamedTuple):
    """One super-resolved image.

    Attributes:
        image (np.ndarray): The SR image, shape (scale·h, scale·w, 3), uint8, RGB.
        lq (np.ndarray): The LR image, shape (h, w, 3), uint8, RGB.
        ref (np.ndarray): The references, padded to one size and stacked from top to bottom, shape
            (scale·H, scale·W, 3), uint8, RGB.
        ref_down (np.ndarray): ``ref`` bicubically reduced, shape (H, W, 3), uint8, RGB.
        num_refs (int): How many images are stacked; an aligned reference becomes two.
        matches (MatchMaps | None): Where the texture came from in ``ref``; None of a network that
            does not tell.
        alignments (tuple[Alignment, ...]): What was done with each reference; empty where none
            was to be aligned.
        references (tuple[np.ndarray, ...]): The references as they were given, each of shape
            (H, W, 3), uint8, RGB.
        left_out (float | None): The agreement of references that showed so little of the photo
            that it became its own reference; None if they were used.
        image16 (np.ndarray | None): ``image`` as uint16, if it was asked for.
    """

    image: np.ndarray
    lq: np.ndarray
    ref: np.ndarray
    ref_down: np.ndarray
    num_refs: int
    matches: MatchMaps | None
    alignments: tuple[Alignment, ...] = ()
    references: tuple[np.ndarray, ...] = ()
    left_out: float | None = None
    image16: np.ndarray | None = None

    @property
    def pixels(self) -> np.ndarray:
        """np.ndarray: The SR image in as many bits as were asked for."""
        return self.image if self.image16 is None else self.image16

    @property
    def similarity(self) -> float | None:
        """Mean of R (Eq. 4) over the LR image, in [-1, 1]; None without matches."""
        return None if self.matches is None else float(self.matches.similarity.mean())

    def shown(self) -> TracedMatches:
        """Return the references as they were given, and where in them the texture came from.

        Returns:
            TracedMatches: For pictures.

        Raises:
            UserError: If the network does not tell it.
        """
        if self.matches is None:
            raise UserError('this network does not tell where its texture comes from')
        return trace(self.ref, self.matches, self.alignments, self.references, self.num_refs)

    @property
    def agreement(self) -> float | None:
        """How much of the LR image the references show, :func:`agreement`; None without matches."""
        if self.left_out is not None or self.matches is None:
            return self.left_out
        return agreement(self.lq, self.ref_down, self.matches.position)


def two_digits(agreement: float) -> str:
    """Return an agreement in two digits, which look low where it is.

    Args:
        agreement (float): In [-1, 1].

    Returns:
        str: Rounded down, so that nothing below :data:`LOW_AGREEMENT` reads as if it were not.
    """
    return f'{math.floor(agreement * 100) / 100:.2f}'
