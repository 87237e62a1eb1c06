"""Cells go back in place."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from masasr_mm.models.matching.cells import from_cells, to_cells


def test_cells_are_pixel_unshuffled_and_go_back():
    feature = torch.rand(2, 5, 12, 8)
    cells = to_cells(feature, 4)
    assert cells.shape == (2, 3, 2, 4, 4, 5)
    expected = F.pixel_unshuffle(feature, 4).view(2, 5, 4, 4, 3, 2).permute(0, 4, 5, 2, 3, 1)
    assert torch.equal(cells, expected)
    assert torch.equal(from_cells(cells), feature)
