"""References in one image: of one size in a column, of several with little room between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, pairwise, product
from typing import NamedTuple

import mmcv
import numpy as np

Size = tuple[int, int]

DIVISOR = 16

MOST_ROOM = 1.2
"""How many times the pixels of the references an image that holds them may have."""
MARGIN = 4
"""Border pixels that are repeated around each reference where there is room for them: a match takes
its texture from up to a pixel of Ref↓ around it, which must not be of another reference."""
OVERLAP = 64
"""Pixels that pieces of one reference share, as far as the encoder's features reach."""
PHASE = 8
"""All places are multiples of half of it, so that pixels of Ref↓ stay whole."""
MOST_CELLS = 256  # in the longest side of a reference, so that packing takes no time


class Piece(NamedTuple):
    """A reference in a packed image, or a part of one; all in pixels, (y, x) or (height, width).

    It begins at ``origin`` in reference ``index`` and at ``place`` in the packed image, where the
    cell that is padded with its border begins at ``corner``.
    """

    index: int
    origin: Size
    size: Size
    place: Size
    corner: Size
    cell: Size


class Layout(NamedTuple):
    """Where pieces of references lie in an image of a size (H, W)."""

    pieces: tuple[Piece, ...]
    size: Size

    @property
    def pixels(self) -> int:
        """int: Of the packed image."""
        return self.size[0] * self.size[1]

    @property
    def in_a_column(self) -> int:
        """int: How many images of one height are stacked from top to bottom; 1 where packed."""
        corners = [(index * self.pieces[0].cell[0], 0) for index in range(len(self.pieces))]
        return len(corners) if [piece.corner for piece in self.pieces] == corners else 1

    def nearest_pieces(self, points: np.ndarray) -> np.ndarray:
        """Return in or beside which piece points (y, x) of the image lie, (..., 2) to (...)."""
        nearest, closest = np.zeros(points.shape[:-1], int), np.full(points.shape[:-1], np.inf)
        for index, piece in enumerate(self.pieces):
            first = np.array(piece.corner)
            last = first + piece.cell - 1
            beyond = np.maximum(first - points, points - last).max(axis=-1)
            nearer = beyond < closest
            nearest[nearer], closest[nearer] = index, beyond[nearer]
        return nearest


def arrange(sizes: Sequence[Size]) -> Layout:
    """Find a layout for references: in a column where all have one size.

    Others are whole and have margins, unless that takes much more room than they have pixels, as of
    a panorama beside a portrait; then they are cut.
    """
    if len(set(sizes)) == 1:
        return column(sizes)
    most = MOST_ROOM * sum(height * width for height, width in sizes)
    found = []
    for margin, cut in product((MARGIN, 0), (False, True)):
        layouts = _layouts(sizes, margin, cut)
        found.append(
            min(layouts, key=lambda lay: (max(lay.pixels, most), len(lay.pieces), lay.pixels))
        )
        if found[-1].pixels <= most:
            return found[-1]
    return min(found, key=lambda layout: layout.pixels)


def round_up(length: int, divisor: int) -> int:
    """Return the lowest multiple of ``divisor`` that is not below ``length``."""
    return -(-length // divisor) * divisor


def column(sizes: Sequence[Size], cell: Size | None = None) -> Layout:
    """Return a layout with every reference in the middle of a cell, one below the other.

    Without a size the cell is the least multiple of 16 that holds them all.
    """
    if cell is None:
        cell = tuple(round_up(max(lengths), DIVISOR) for lengths in zip(*sizes))
    pieces = []
    for index, size in enumerate(sizes):
        corner = (index * cell[0], 0)
        place = tuple(c + (n - s) // 2 for c, n, s in zip(corner, cell, size))
        pieces.append(Piece(index, (0, 0), size, place, corner, cell))
    return Layout(tuple(pieces), (len(sizes) * cell[0], cell[1]))


def pack(images: Sequence[np.ndarray], layout: Layout) -> np.ndarray:
    """Put images (H, W, C) where a layout has them; their borders fill the room between them."""
    packed = np.empty((*layout.size, *images[0].shape[2:]), images[0].dtype)
    for index, origin, size, place, corner, cell in layout.pieces:
        image = images[index][tuple(slice(o, o + n) for o, n in zip(origin, size))]
        top, left = (p - c for p, c in zip(place, corner))
        padding = (left, top, cell[1] - size[1] - left, cell[0] - size[0] - top)
        where = tuple(slice(c, c + n) for c, n in zip(corner, cell))
        padded = mmcv.impad(image, padding=padding, padding_mode='edge')
        packed[where] = padded.reshape(packed[where].shape)  # OpenCV drops a single channel
    _fill_room(packed, layout)
    return packed


def _fill_room(packed: np.ndarray, layout: Layout) -> None:
    """Repeat what is to the left of room that no cell takes, or to the right."""
    boxes = [(*piece.corner, *piece.cell) for piece in layout.pieces]
    edges = sorted({row for top, _, height, _ in boxes for row in (top, top + height)})
    for first, last in pairwise(edges):
        taken = sorted((x, x + w) for y, x, h, w in boxes if y <= first < y + h)
        end = 0
        for left, right in [*taken, (layout.size[1],) * 2]:
            nearest = end - 1 if end else left
            packed[first:last, end:left] = packed[first:last, nearest : nearest + 1]
            end = right


def _layouts(sizes: Sequence[Size], margin: int, cut: bool) -> Iterator[Layout]:
    """Yield layouts of several widths and orders."""
    unit = PHASE * max(1, max(map(max, sizes)) // (PHASE * MOST_CELLS))
    lengths = [width + 2 * margin for _, width in sizes]
    widths = {*lengths, *map(sum, combinations_with_replacement(lengths, 2))}
    if cut:
        widths |= {length // parts for length in lengths for parts in (2, 3, 4)}
    for width in sorted(widths):
        columns = -(-width // unit)
        if not cut and columns * unit < max(lengths):
            continue
        parts = [
            (index, left, (height, part))
            for index, (height, length) in enumerate(sizes)
            for left, part in _cut(length, columns * unit - 2 * margin)
        ]
        cells = [tuple(-(-(side + 2 * margin) // unit) for side in size) for *_, size in parts]
        for key in (lambda cell: (-cell[0], -cell[1]), lambda cell: (-cell[1], -cell[0])):
            order = sorted(range(len(cells)), key=lambda i, key=key: key(cells[i]))
            corners = _place([cells[i] for i in order], columns)
            yield _layout([(parts[i], cells[i]) for i in order], corners, margin, unit)


def _layout(
    parts: Sequence[tuple[tuple[int, int, Size], Size]],
    corners: Sequence[Size],
    margin: int,
    unit: int,
) -> Layout:
    """Return a layout in pixels of what was placed in cells."""
    pieces = []
    for ((index, left, size), in_cells), (row, col) in zip(parts, corners):
        corner, cell = (row * unit, col * unit), tuple(side * unit for side in in_cells)
        place = (corner[0] + margin, corner[1] + margin)
        pieces.append(Piece(index, (0, left), size, place, corner, cell))
    size = tuple(max(p.corner[axis] + p.cell[axis] for p in pieces) for axis in (0, 1))
    return Layout(tuple(sorted(pieces)), size)


def _cut(length: int, most: int) -> list[tuple[int, int]]:
    """Cut a length into overlapping parts: where each begins, and how long it is."""
    if length <= most or most <= 2 * OVERLAP:
        return [(0, length)]
    step = most - OVERLAP
    number = -(-(length - OVERLAP) // step)
    step = -(-(length - OVERLAP) // number)
    step += -step % (PHASE // 2)
    return [(left, min(step + OVERLAP, length - left)) for left in range(0, length - OVERLAP, step)]


def _place(cells: Sequence[Size], columns: int) -> list[Size]:
    """Place cells (rows, columns) one after another, each as far up and then left as it fits."""
    skyline = np.zeros(max(columns, *(width for _, width in cells)), int)
    corners = []
    for height, width in cells:
        tops = np.lib.stride_tricks.sliding_window_view(skyline, width).max(axis=1)
        left = int(tops.argmin())
        corners.append((int(tops[left]), left))
        skyline[left : left + width] = tops[left] + height
    return corners
