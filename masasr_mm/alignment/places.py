"""Where in packed references that key points aligned each place of the photo lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .align import Alignment

if TYPE_CHECKING:
    from ..datasets.transforms.packing import Layout


class Places(NamedTuple):
    """Looks places of the LR image up in an image of packed references."""

    alignments: Sequence[Alignment]
    layout: Layout
    scale: int

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return where LR pixels (y, x), (..., 2), lie in Ref↓ in each of P aligned references.

        (P, ..., 2), NaN where a reference does not show them.
        """
        in_frame = ((points + 0.5) * self.scale - 0.5)[..., ::-1]
        found, part = [], 0
        for done in self.alignments:
            if done.frame is not None:
                found.append(self._packed(part, done.in_first_part(in_frame)[..., ::-1]))
            part += len(done.parts)
        packed = np.stack(found) if found else np.empty((0, *points.shape))
        return (packed + 0.5) / self.scale - 0.5

    def _packed(self, part: int, points: np.ndarray) -> np.ndarray:
        """Return where points (y, x) of a part lie in the packed image, in any of its pieces."""
        packed = np.full(points.shape, np.nan)
        for piece in self.layout.pieces:
            if piece.index == part:
                inside = points - piece.origin
                here = ((inside > -0.5) & (inside < np.array(piece.size) - 0.5)).all(axis=-1)
                packed[here] = inside[here] + piece.place
        return packed
