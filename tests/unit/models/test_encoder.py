"""The encoder's levels, and how those of the LR are merged."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from masasr_mm.models import MASAEncoder
from masasr_mm.models.encoder import LRPyramid


def test_levels_are_conv_relu_and_residual_blocks():
    torch.manual_seed(0)
    encoder = MASAEncoder(channels=4, num_levels=2, num_blocks=1).double()
    image = torch.rand(1, 3, 6, 7, dtype=torch.float64)
    expected, feature = [], image
    for stride, level in zip((1, 2), encoder.levels):
        conv, _, (block,) = level
        feature = F.conv2d(feature, conv.weight, conv.bias, stride=stride, padding=1).relu()
        inner = F.conv2d(feature, block.conv1.weight, block.conv1.bias, padding=1).relu()
        feature = feature + F.conv2d(inner, block.conv2.weight, block.conv2.bias, padding=1)
        expected.append(feature)
    for have, need in zip(encoder(image), expected):
        torch.testing.assert_close(have, need)


def test_what_is_not_asked_for_is_not_computed():
    encoder = MASAEncoder(channels=4)
    called = []
    for index, level in enumerate(encoder.levels):
        level[0].register_forward_hook(lambda *_, index=index: called.append(index))
    features = encoder(torch.rand(1, 3, 16, 12), num_levels=1)
    assert called == [0]
    assert [tuple(feature.shape) for feature in features] == [(1, 4, 16, 12)]


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
