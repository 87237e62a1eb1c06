"""ENet's generator."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from masasr_mm.models.peers import ENetGenerator
from masasr_mm.models.peers.network import enlarge


def test_the_network_against_its_table():
    torch.manual_seed(0)
    net = ENetGenerator(channels=4, num_blocks=2)
    shapes = [tuple(value.shape) for key, value in net.state_dict().items() if 'weight' in key]
    assert shapes == [(4, 3, 3, 3), *[(4, 4, 3, 3)] * 7, (3, 4, 3, 3)]
    convs = [part for part in net.modules() if isinstance(part, torch.nn.Conv2d)]
    lq = torch.rand(1, 3, 5, 6)
    with torch.no_grad():
        feature = convs[0](lq).relu()
        for first, second in (convs[1:3], convs[3:5]):
            feature = feature + second(first(feature).relu())
        for conv in convs[5:7]:
            feature = conv(F.interpolate(feature, scale_factor=2, mode='nearest')).relu()
        expected = convs[8](convs[7](feature).relu()) + enlarge(lq)
        torch.testing.assert_close(net(lq), expected)
