"""Squares of pixels, also over the border."""

from __future__ import annotations

import torch

from masasr_mm.models.matching.windows import windows


def test_squares_are_cut_pixel_by_pixel_with_zeros_outside():
    torch.manual_seed(0)
    pixels = torch.rand(2, 5, 7, 3)
    top, left = torch.randint(-6, 9, (2, 20)), torch.randint(-6, 11, (2, 20))
    have = windows(pixels, top, left, 4)
    assert have.shape == (2, 20, 4, 4, 3)
    for sample in range(2):
        for m in range(20):
            for a in range(4):
                for b in range(4):
                    y, x = int(top[sample, m]) + a, int(left[sample, m]) + b
                    inside = 0 <= y < 5 and 0 <= x < 7
                    expected = pixels[sample, y, x] if inside else torch.zeros(3)
                    assert torch.equal(have[sample, m, a, b], expected)
