"""Rectangles around what is marked."""

from __future__ import annotations

import numpy as np
import pytest

from masasr_mm.models.inference.covering import covering


def area(rectangles, rim):
    return sum(
        (rows.stop - rows.start + 2 * rim) * (columns.stop - columns.start + 2 * rim)
        for rows, columns in rectangles
    )


@pytest.mark.parametrize('rim', [0, 1, 15])
@pytest.mark.parametrize('seed', range(4))
def test_every_place_is_covered_once(rim, seed):
    random = np.random.default_rng(seed)
    marked = np.zeros((50, 70), bool)
    for _ in range(seed * 3):
        y, x = random.integers(0, 45), random.integers(0, 65)
        marked[y : y + 5, x : x + 5] = True
    covered = np.zeros(marked.shape, int)
    found = covering(marked, rim, 99)
    for rectangle in found:
        covered[rectangle] += 1
    assert covered.max() == min(1, seed)
    assert (covered[marked] == 1).all()
    assert area(found, rim) <= area([(slice(0, 50), slice(0, 70))], rim)


def test_two_things_far_from_each_other_are_two_rectangles():
    marked = np.zeros((40, 60), bool)
    marked[2:9, 3:5] = marked[30:33, 50:58] = True
    there = [(slice(2, 9), slice(3, 5)), (slice(30, 33), slice(50, 58))]
    assert sorted(covering(marked, 3, 99), key=str) == there
    assert covering(marked, 60, 99) == [(slice(2, 33), slice(3, 58))]  # the two would be larger


@pytest.mark.parametrize('rim', [0, 2])
def test_a_cut_is_the_best_of_all(rim):
    """Every cut tried one by one, where one cut is all that there is."""
    marked = np.zeros((12, 9), bool)
    marked[1:4, 1:8] = marked[9:11, 2:4] = True
    whole = [(slice(1, 11), slice(1, 8))]
    two = [(slice(1, 4), slice(1, 8)), (slice(9, 11), slice(2, 4))]
    best = min((whole, two), key=lambda rectangles: area(rectangles, rim))
    assert sorted(covering(marked, rim, 99), key=str) == sorted(best, key=str)


@pytest.mark.parametrize(('longest', 'sizes'), [(20, {(20, 20)}), (16, {(10, 14), (10, 13)})])
def test_no_rectangle_is_too_long(longest, sizes):
    """And none is smaller than it must be."""
    found = covering(np.ones((20, 40), bool), 5, longest)
    assert {(rows.stop - rows.start, cols.stop - cols.start) for rows, cols in found} == sizes
    assert area(found, 0) == 20 * 40


def test_a_piece_of_what_is_too_long_holds_no_more_than_is_marked():
    marked = np.zeros((10, 40), bool)
    marked[:, 0] = marked[4, :] = True
    found = covering(marked, 50, 20)
    assert sorted(found, key=str) == [
        (slice(0, 10), slice(0, 20)),
        (slice(4, 5), slice(20, 40)),
    ]
