"""Replicate padding."""

from __future__ import annotations

import numpy as np
import pytest

from masasr_mm.datasets.transforms.padding import replicate_pad

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)


@pytest.mark.parametrize(
    ('height', 'width', 'centered', 'widths'),
    [
        (4, 6, True, ((0, 0), (0, 0))),
        (6, 10, True, ((1, 1), (2, 2))),
        (7, 9, True, ((1, 2), (1, 2))),
        (5, 7, True, ((0, 1), (0, 1))),
        (7, 9, False, ((0, 3), (0, 3))),
    ],
)
def test_as_numpy_pads(height, width, centered, widths):
    padded, origin = replicate_pad(IMAGE, height, width, centered)
    np.testing.assert_array_equal(padded, np.pad(IMAGE, (*widths, (0, 0)), mode='edge'))
    assert origin == (widths[0][0], widths[1][0])


def test_result_is_a_new_array():
    image = IMAGE.copy()
    padded, _ = replicate_pad(image, 4, 6)
    padded[:] = 0
    np.testing.assert_array_equal(image, IMAGE)
