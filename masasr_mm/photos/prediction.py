"""A super-resolved image, and how it came about."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..alignment import Alignment, as_it_is
from ..datasets.transforms.packing import Layout, column, pack
from ..errors import UserError
from ..images.pixels import resize
from ..models.agreement import agreement
from ..models.matching import MatchMaps

LARGEST = 2
"""References are shown with at most so many times the length of the result."""


class TracedMatches(NamedTuple):
    """The matches for people to look at.

    ``ref`` (scale·H, scale·W, 3) are the ``num_refs`` references as they were given, large ones
    reduced, one below the other; ``matches`` say where in them the texture came from, and
    ``texture`` (scale·h, scale·w, 3) is that, as the network saw it, in the photo's place.
    """

    ref: np.ndarray
    num_refs: int
    matches: MatchMaps
    texture: np.ndarray


class Prediction(NamedTuple):
    """One super-resolved image.

    Attributes:
        image (np.ndarray): The SR image, shape (scale·h, scale·w, 3), uint8, RGB.
        lq (np.ndarray): The LR image, shape (h, w, 3), uint8, RGB.
        ref (np.ndarray): The references in one image, shape (scale·H, scale·W, 3), uint8, RGB.
        ref_down (np.ndarray): ``ref`` bicubically reduced, shape (H, W, 3), uint8, RGB.
        layout (Layout): Where in ``ref`` they lie; an aligned reference has up to two parts.
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
    layout: Layout
    matches: MatchMaps | None
    alignments: tuple[Alignment, ...] = ()
    references: tuple[np.ndarray, ...] = ()
    left_out: float | None = None
    image16: np.ndarray | None = None

    @property
    def num_refs(self) -> int:
        """int: How many images are stacked in ``ref`` from top to bottom; 1 if they are packed."""
        return self.layout.in_a_column

    @property
    def pixels(self) -> np.ndarray:
        """np.ndarray: The SR image in as many bits as were asked for."""
        return self.image if self.image16 is None else self.image16

    @property
    def similarity(self) -> float | None:
        """Mean of R (Eq. 4) over the LR image, in [-1, 1]; None without matches."""
        return None if self.matches is None else float(self.matches.similarity.mean())

    def shown(self) -> TracedMatches:
        """Return the references as they were given, and where in them the texture came from."""
        if self.matches is None:
            raise UserError('this network does not tell where its texture comes from')
        # matplotlib, which takes as long to import as a photo to super-resolve
        from ..visualization.match_picture import filled, texture_in_place

        matches, layout = self.matches, self.layout
        texture = texture_in_place(filled(self.ref, matches), matches.position, matches.grid)
        if not self.alignments and layout.in_a_column == len(layout.pieces):
            return TracedMatches(self.ref, len(layout.pieces), matches, texture)
        most = LARGEST * max(matches.position.shape[:2]) * matches.scale
        reduction = max(1.0, max(max(ref.shape) for ref in self.references) / most)
        shown = [
            resize(ref, *(max(1, round(length / reduction)) for length in ref.shape[1::-1]))
            for ref in self.references
        ]
        drawn = column([ref.shape[:2] for ref in shown])
        parts = [(part, index) for index, done in enumerate(self.alignments) for part in done.parts]
        parts = parts or [(as_it_is(ref), index) for index, ref in enumerate(self.references)]

        def traced(position: np.ndarray) -> np.ndarray:
            found = np.zeros_like(position)
            pixel = (position + 0.5) * matches.scale - 0.5
            number = layout.nearest_pieces(pixel)
            for which, piece in enumerate(layout.pieces):
                here = number == which
                part, index = parts[piece.index]
                points = part.trace((pixel[here] - piece.place + piece.origin)[:, ::-1])
                given, seen = self.references[index].shape[1::-1], shown[index].shape[1::-1]
                # What came from beyond the reference is shown at its border.
                points = points.clip(0, np.array(given) - 1)
                points = (points + 0.5) * np.divide(seen, given)
                found[here] = (points[:, ::-1] + drawn.pieces[index].place) // matches.scale
            return found

        moved = matches._replace(
            position=traced(matches.position),
            block_position=traced(matches.block_position),
            grid=tuple(length // matches.scale for length in drawn.size),
        )
        return TracedMatches(pack(shown, drawn), len(shown), moved, texture)

    @property
    def agreement(self) -> float | None:
        """How much of the LR image the references show, :func:`agreement`; None without matches."""
        if self.left_out is not None or self.matches is None:
            return self.left_out
        return agreement(self.lq, self.ref_down, self.matches.position)


def two_digits(agreement: float) -> str:
    """Return an agreement in two digits, rounded down, so that a low one never looks good."""
    return f'{math.floor(agreement * 100) / 100:.2f}'
