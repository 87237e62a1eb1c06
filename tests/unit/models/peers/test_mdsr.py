"""MDSR's branch for one scale."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from masasr_mm.models.peers import MDSRNet


def test_the_network_against_its_figure():
    """Fig. 4 of the paper, by hand."""
    torch.manual_seed(0)
    net = MDSRNet(num_blocks=2, mid_channels=4).eval()
    weights = net.state_dict()

    def conv(name: str, feature: Tensor) -> Tensor:
        weight = weights[f'{name}.weight']
        return F.conv2d(feature, weight, weights[f'{name}.bias'], padding=weight.shape[-1] // 2)

    def block(name: str, feature: Tensor) -> Tensor:
        return feature + conv(f'{name}.conv2', conv(f'{name}.conv1', feature).relu())

    lq = torch.rand(1, 3, 6, 5)
    mean = torch.tensor([0.4488, 0.4371, 0.4040])[:, None, None]
    head = block('conv_first.2', block('conv_first.1', conv('conv_first.0', lq - mean)))
    feature = conv('conv_after_body', block('body.1', block('body.0', head))) + head
    for index in range(2):
        feature = F.pixel_shuffle(conv(f'upsample.{index}.upsample_conv', feature), 2)
    with torch.no_grad():
        torch.testing.assert_close(net(lq), conv('conv_last', feature) + mean)
    assert weights['conv_first.1.conv1.weight'].shape[2:] == (5, 5)
