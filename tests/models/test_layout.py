"""Blocks and cells go back in place."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from masasr_mm.models.layout import from_blocks, from_cells, to_blocks, to_cells


def test_blocks_go_back_in_place():
    image = torch.arange(2 * 12 * 20).view(2, 12, 20)
    cut = to_blocks(image, (3, 5))
    assert cut.shape == (2, 15, 4, 4)
    assert torch.equal(cut[0, 1], image[0, :4, 4:8])
    assert torch.equal(from_blocks(cut, (3, 5)), image)


def test_cells_are_pixel_unshuffled_and_go_back():
    feature = torch.rand(2, 5, 12, 8)
    cells = to_cells(feature, 4)
    assert cells.shape == (2, 3, 2, 4, 4, 5)
    expected = F.pixel_unshuffle(feature, 4).view(2, 5, 4, 4, 3, 2).permute(0, 4, 5, 2, 3, 1)
    assert torch.equal(cells, expected)
    assert torch.equal(from_cells(cells), feature)
