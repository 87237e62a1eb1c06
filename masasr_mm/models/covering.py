"""Rectangles that cover marked places, and with their rims as little else as can be."""

from __future__ import annotations

import numpy as np

Rectangle = tuple[slice, slice]
"""Rows and columns."""


def covering(marked: np.ndarray, rim: int) -> list[Rectangle]:
    """Cover all marked places with rectangles that do not overlap.

    The rectangle around all of them is cut in two, again and again, where the two with their rims
    have a smaller area than the one.

    Args:
        marked (np.ndarray): Shape (H, W), bool.
        rim (int): How far each rectangle looks to all sides.

    Returns:
        list[Rectangle]: None if nothing is marked.
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
        if min(map(min, areas)) >= (height + 2 * rim) * (width + 2 * rim):
            found.append((slice(top, top + height), slice(left, left + width)))
        elif min(areas[0]) <= min(areas[1]):
            row = int(np.argmin(areas[0])) + 1
            waiting += [(top, left, part[:row]), (top + row, left, part[row:])]
        else:
            column = int(np.argmin(areas[1])) + 1
            waiting += [(top, left, part[:, :column]), (top, left + column, part[:, column:])]
    return found


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
