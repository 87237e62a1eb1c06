"""Blocks: how features are cut, where they lie, and that they go back in place."""

from __future__ import annotations

import torch

from masasr_mm.models.matching.block_grid import BlockGrid, from_blocks, to_blocks


def test_blocks_go_back_in_place():
    image = torch.arange(2 * 12 * 20).view(2, 12, 20)
    cut = to_blocks(image, (3, 5))
    assert cut.shape == (2, 15, 4, 4)
    assert torch.equal(cut[0, 1], image[0, :4, 4:8])
    assert torch.equal(from_blocks(cut, (3, 5)), image)


def test_the_papers_blocks():
    """Of a Ref↓ of the LR's size: 12 positions for 8 (Sec. 4.2), made odd."""
    grid = BlockGrid.of((40, 24), (40, 24), 8, 1.5, 3)
    assert grid.blocks == (5, 3)
    assert grid.number_of_blocks == 15
    assert grid.block == (8, 8)
    assert grid.ref_block == (13, 13)
    assert grid.radius == 1


def test_ref_blocks_are_shifted_into_the_grid():
    grid = BlockGrid.of((16, 16), (20, 24), 8, 1.0, 3)
    height, width = (size + 2 for size in grid.ref_block)
    top, left = grid.corners(torch.arange(20 * 24)[None])
    for index in range(20 * 24):
        y, x = divmod(index, 24)
        assert top[0, index] == min(max(y - height // 2, 0), 20 - height)
        assert left[0, index] == min(max(x - width // 2, 0), 24 - width)


def test_positions_are_those_of_the_candidates():
    grid = BlockGrid.of((8, 16), (20, 24), 8, 1.0, 3)
    coarse = torch.tensor([[0, 10 * 24 + 12]])
    dy, dx = grid.ref_block
    fine = torch.randint(dy * dx, (1, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    position = to_blocks(grid.positions(fine, coarse), grid.blocks)
    top, left = grid.corners(coarse)
    for block in range(2):
        v, u = fine[0, block] // dx, fine[0, block] % dx
        y, x = top[0, block] + 1 + v, left[0, block] + 1 + u  # behind the rim
        assert torch.equal(position[0, block], y * 24 + x)
