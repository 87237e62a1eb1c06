"""Stacked references side by side, and positions that go with them."""

from __future__ import annotations

import numpy as np
import pytest

from masasr_mm.visualization.reference_grid import lay_out, move_positions


@pytest.mark.parametrize(
    ('number', 'size', 'shape'),
    [
        (1, (5, 7), (5, 7)),
        (2, (6, 6), (6, 12)),
        (2, (4, 9), (8, 9)),
        (4, (6, 6), (12, 12)),
        (5, (6, 6), (12, 18)),
        (3, (6, 4), (6, 12)),
    ],
)
def test_positions_find_their_pixels_again(number, size, shape):
    generator = np.random.default_rng(0)
    stack = generator.integers(0, 255, (number * size[0], size[1], 3), dtype=np.uint8)
    grid = lay_out(stack, number)
    assert grid.shape[:2] == shape
    y, x = np.mgrid[: stack.shape[0], : stack.shape[1]]
    moved = move_positions(np.stack([y, x], axis=-1), stack.shape[:2], number)
    np.testing.assert_array_equal(grid[moved[..., 0], moved[..., 1]], stack)
    left_over = np.ones(grid.shape[:2], bool)
    left_over[moved[..., 0], moved[..., 1]] = False
    assert (grid[left_over] == 255).all()
    assert left_over.sum() == grid[..., 0].size - stack[..., 0].size
