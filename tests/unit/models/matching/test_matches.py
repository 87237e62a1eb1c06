"""Where texture came from."""

from __future__ import annotations

import numpy as np
import torch
from mmagic.structures import DataSample
from torch.nn import functional as F

from masasr_mm.models.matching import Matches, match_maps
from tests.editors import build


def test_indices_become_rows_and_columns_and_the_padding_is_cut():
    """Two blocks of 2×4 in an LR of 2×8, of which 2×7 are the image's; Ref↓ is 5 wide."""
    position = torch.arange(16).view(1, 2, 8)
    similarity = (position / 16).requires_grad_()
    coarse = torch.tensor([[7, 24]])
    matches = Matches(coarse, None, position, similarity, blocks=(1, 2), grid=(6, 5))
    [maps] = match_maps(matches, height=2, width=7, scale=4)
    assert maps.position.shape == (2, 7, 2)
    assert maps.position[0, 6].tolist() == [1, 1]
    assert maps.position[1, 6].tolist() == [2, 4]
    assert maps.block_position.tolist() == [[[1, 2], [4, 4]]]
    assert maps.block_size == (2, 4)
    assert maps.grid == (6, 5)
    assert maps.scale == 4
    np.testing.assert_allclose(maps.similarity[1], np.arange(8, 15) / 16)


def test_the_editor_tells_where_texture_came_from():
    """A reference whose Ref↓ is the LR, shifted: every pixel away from borders finds itself."""
    torch.manual_seed(0)
    model = build(generator=dict(type='MASANet', channels=8, fusion_blocks=(1, 1, 1))).eval()
    ref_down = torch.randint(0, 256, (3, 30, 34)).float()
    lq = ref_down[:, 4:25, 6:29]
    sample = DataSample(
        ref_img=F.interpolate(ref_down[None], scale_factor=4)[0],
        ref_down=ref_down,
        metainfo=dict(img_channel_order='rgb'),
    )
    [sample] = model.test_step(dict(inputs=[lq], data_samples=[sample]))
    maps = sample.output.matches
    assert maps.position.shape == (21, 23, 2)
    assert maps.grid == (30, 34)
    assert maps.block_size == (8, 8)
    assert maps.block_position.shape == (3, 3, 2)
    rows, columns = np.mgrid[10:12, 10:14]  # away from the borders, which the encoder sees
    expected = np.stack([rows + 4, columns + 6], axis=-1)
    np.testing.assert_array_equal(maps.position[10:12, 10:14], expected)
    np.testing.assert_allclose(maps.similarity[10:12, 10:14], 1, atol=1e-5)
    assert maps.block_position[1, 1].tolist() == [12 + 4, 12 + 6]
