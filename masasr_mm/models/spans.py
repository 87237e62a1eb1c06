"""Pieces of a range, with the halo that convolutions see."""

from __future__ import annotations

from collections.abc import Iterator
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


def spans(size: int, length: int, halo: int, part: slice | None = None) -> Iterator[Span]:
    """Cut a range into pieces with a halo.

    Args:
        size (int): Length of the range.
        length (int): Length of a piece.
        halo (int): How far a piece looks to both sides.
        part (slice, optional): What of the range to cut. Default: None, all of it.

    Yields:
        Span: A piece.
    """
    part = part or slice(0, size)
    for start in range(part.start, part.stop, length):
        stop = min(start + length, part.stop)
        outer = slice(max(0, start - halo), min(stop + halo, size))
        inner = slice(start - outer.start, stop - outer.start)
        yield Span(slice(start, stop), outer, inner)


def scaled(part: slice, factor: int) -> slice:
    """Return a range at another scale.

    Args:
        part (slice): The range.
        factor (int): How many pixels one becomes.

    Returns:
        slice: The same range, enlarged.
    """
    return slice(part.start * factor, part.stop * factor)
