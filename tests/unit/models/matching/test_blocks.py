"""Blocks: how features are cut, where they lie, and that they go back in place."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.models.matching.blocks import (
    BlockGrid,
    from_blocks,
    groups,
    pixel_shuffle,
    pixel_unshuffle,
    to_blocks,
)


def test_blocks_go_back_in_place():
    image = torch.arange(2 * 12 * 20).view(2, 12, 20)
    cut = to_blocks(image, (3, 5))
    assert cut.shape == (2, 15, 4, 4)
    assert torch.equal(cut[0, 1], image[0, :4, 4:8])
    assert torch.equal(from_blocks(cut, (3, 5)), image)


def test_pixels_are_unshuffled_and_go_back():
    feature = torch.rand(2, 5, 12, 8)
    unshuffled = pixel_unshuffle(feature, 4)
    assert unshuffled.shape == (2, 3, 2, 4, 4, 5)
    expected = F.pixel_unshuffle(feature, 4).view(2, 5, 4, 4, 3, 2).permute(0, 4, 5, 2, 3, 1)
    assert torch.equal(unshuffled, expected)
    assert torch.equal(pixel_shuffle(unshuffled), feature)


def test_the_papers_blocks():
    """Of a Ref↓ of the LR's size: 12 positions for 8 (Sec. 4.2), made odd."""
    grid = BlockGrid.of((40, 24), (40, 24))
    assert grid.blocks == (5, 3)
    assert grid.number_of_blocks == 15
    assert grid.block == (8, 8)
    assert grid.ref_block == (13, 13)
    assert (grid.radius, grid.reach) == (1, 3)


def test_ref_blocks_are_shifted_into_the_grid():
    grid = BlockGrid.of((16, 16), (20, 24), ref_block_ratio=1.0)
    height, width = (size + 2 for size in grid.ref_block)
    centre = grid.centres(torch.arange(20 * 24)[None])
    top, left = centre // 24 - height // 2, centre % 24 - width // 2
    for index in range(20 * 24):
        y, x = divmod(index, 24)
        assert top[0, index] == min(max(y - height // 2, 0), 20 - height)
        assert left[0, index] == min(max(x - width // 2, 0), 24 - width)


def test_positions_are_those_of_the_candidates():
    grid = BlockGrid.of((8, 16), (20, 24), ref_block_ratio=1.0)
    coarse = torch.tensor([[0, 10 * 24 + 12]])
    dy, dx = grid.ref_block
    fine = torch.randint(dy * dx, (1, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    position = to_blocks(grid.positions(fine, grid.centres(coarse)), grid.blocks)
    top, left = (
        place - (size + 2) // 2
        for place, size in zip(
            (grid.centres(coarse) // 24, grid.centres(coarse) % 24), grid.ref_block
        )
    )
    for block in range(2):
        v, u = fine[0, block] // dx, fine[0, block] % dx
        y, x = top[0, block] + 1 + v, left[0, block] + 1 + u  # behind the margin
        assert torch.equal(position[0, block], y * 24 + x)


@pytest.mark.parametrize('max_elements', [None, 1, 7, 30, 10**6])
@pytest.mark.parametrize('max_count', [None, 1, 4])
def test_everything_is_in_one_group_and_none_is_too_large(max_elements, max_count):
    found = groups(10, 3, max_elements, max_count)
    assert [i for group in found for i in range(group.start, group.stop)] == list(range(10))
    if max_elements is None:
        assert len(found) == 1
        return
    sizes = [group.stop - group.start for group in found]
    assert max(sizes) <= max(1, min(max_elements // 3, max_count or 10))
    assert max(sizes) == sizes[0]
