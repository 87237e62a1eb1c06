"""Rectangles that cover marked places, and with their rims as little else as can be."""

from __future__ import annotations

import math

import numpy as np

Rectangle = tuple[slice, slice]
"""Rows and columns."""


def covering(marked: np.ndarray, rim: int, longest: int) -> list[Rectangle]:
    """Cover all marked places with rectangles that do not overlap.

    The rectangle around all of them is cut in two, again and again, where the two with their rims
    have a smaller area than the one, or where it is too long.

    Args:
        marked (np.ndarray): Shape (H, W), bool.
        rim (int): How far each rectangle looks to all sides.
        longest (int): Greatest height and width of a rectangle.

    Returns:
        list[Rectangle]: Empty if nothing is marked.
    """
    found, waiting = [], [(0, 0, marked)]
    while waiting:
        top, left, part = waiting.pop()
        if not part.any():
            continue
        rows, columns = (_extent(part.any(axis=axis)) for axis in (1, 0))
        part = part[rows, columns]
        top, left = top + rows.start, left + columns.start
        height, width = part.shape
        areas = [_areas_of_two(cut, rim) for cut in (part, part.T)]
        axis = int(areas[1].min() < areas[0].min())
        at = int(areas[axis].argmin()) + 1
        if areas[axis][at - 1] >= (height + 2 * rim) * (width + 2 * rim):
            if max(height, width) <= longest:
                found.append((slice(top, top + height), slice(left, left + width)))
                continue
            axis = int(width > height)
            at = _middle(part.shape[axis], longest)
        if axis == 0:
            waiting += [(top, left, part[:at]), (top + at, left, part[at:])]
        else:
            waiting += [(top, left, part[:, :at]), (top, left + at, part[:, at:])]
    return found


def _middle(length: int, longest: int) -> int:
    """Return where to cut what is too long, so that no more pieces come of it than must be."""
    pieces = math.ceil(length / longest)
    return math.ceil(length / pieces) * (pieces // 2)


def _extent(marked: np.ndarray) -> slice:
    """Return from where to where a row has marked places."""
    [places] = marked.nonzero()
    return slice(int(places[0]), int(places[-1]) + 1)


def _areas_of_two(marked: np.ndarray, rim: int) -> np.ndarray:
    """Return the areas of the two rectangles for a cut above row 1, 2, …; infinite at the end."""
    first, second = _areas(marked, rim), _areas(marked[::-1], rim)[::-1]
    return np.append(first[:-1] + second[1:], np.inf)


def _areas(marked: np.ndarray, rim: int) -> np.ndarray:
    """Return the area of the rectangle around the first 1, 2, … rows, the first of them marked."""
    height, width = marked.shape
    any_there = marked.any(axis=1)
    first = np.where(any_there, marked.argmax(axis=1), width)
    last = np.where(any_there, width - 1 - marked[:, ::-1].argmax(axis=1), 0)
    first, last = np.minimum.accumulate(first), np.maximum.accumulate(last)
    bottom = np.maximum.accumulate(np.where(any_there, np.arange(height), 0))
    return (bottom + 1 + 2 * rim) * (last - first + 1 + 2 * rim)
