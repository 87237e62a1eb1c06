"""Pieces of a range, with the halo that convolutions see."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """A piece of a range.

    Attributes:
        piece (slice): Where it lies in the range.
        outer (slice): The piece with its halo, as far as the range goes.
        inner (slice): Where the piece lies in ``outer``.
    """

    piece: slice
    outer: slice
    inner: slice


def spans(size: int, length: int, halo: int) -> Iterator[Span]:
    """Cut a range into pieces with a halo.

    Args:
        size (int): Length of the range.
        length (int): Length of a piece.
        halo (int): How far a piece looks to both sides.

    Yields:
        Span: A piece.
    """
    for start in range(0, size, length):
        yield span(slice(start, min(start + length, size)), size, halo)


def span(piece: slice, size: int, halo: int) -> Span:
    """Give a piece of a range its halo.

    Args:
        piece (slice): Where it lies in the range.
        size (int): Length of the range.
        halo (int): How far it looks to both sides.

    Returns:
        Span: The piece.
    """
    outer = slice(max(0, piece.start - halo), min(piece.stop + halo, size))
    return Span(piece, outer, slice(piece.start - outer.start, piece.stop - outer.start))


def times_seen(lines: Iterable[Sequence[Span]]) -> float:
    """Return how many times as much tiles see with their halos as there is.

    Args:
        lines (Iterable[Sequence[Span]]): The rows and the columns of the tiles.

    Returns:
        float: 1 without halos.
    """
    return math.prod(
        sum(span.outer.stop - span.outer.start for span in line) / line[-1].piece.stop
        for line in lines
    )


def scaled(part: slice, factor: int) -> slice:
    """Return a range at another scale.

    Args:
        part (slice): The range.
        factor (int): How many pixels one becomes.

    Returns:
        slice: The same range, enlarged.
    """
    return slice(part.start * factor, part.stop * factor)
