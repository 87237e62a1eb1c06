"""Merging the LR levels."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from masasr_mm.models.lr_pyramid import LRPyramid


def test_levels_are_merged_coarsest_first():
    torch.manual_seed(0)
    pyramid = LRPyramid(channels=4, num_levels=3, num_blocks=0).double()
    fine, middle, coarse = (torch.rand(1, 4, n, n, dtype=torch.float64) for n in (8, 4, 2))
    convs = [level[0] for level in pyramid.levels]
    merged = convs[2](coarse).relu()
    for conv, feature in ((convs[1], middle), (convs[0], fine)):
        enlarged = F.interpolate(merged, scale_factor=2, mode='bilinear')
        seen = torch.cat((enlarged, feature), 1)
        merged = F.conv2d(seen, conv.weight, conv.bias, padding=1).relu()
    torch.testing.assert_close(pyramid([fine, middle, coarse]), merged)
