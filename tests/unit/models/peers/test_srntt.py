"""SRNTT: the swapped features, and the transfer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from masasr_mm.models.peers import SRNTT


class Features(nn.Module):
    """Random projections of the pixels at three sizes, as VGG has them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(3, count, stride, stride) for count, stride in zip((256, 128, 64), (4, 2, 1))
        )

    def forward(self, image):
        return [layer(image) for layer in self.layers]


@pytest.fixture
def net() -> SRNTT:
    torch.manual_seed(0)
    net = SRNTT(channels=4, num_blocks=1)
    net.extractor = Features()
    return net


def test_a_reference_like_the_photo_gives_its_features_up_to_the_border(net):
    """Where every patch finds itself, the average of the overlapping ones is the feature itself."""
    ref = torch.rand(1, 3, 24, 20)
    lq = F.interpolate(ref, scale_factor=1 / 4, mode='bicubic', antialias=True)
    with torch.no_grad():
        swapped = net.swap(lq, ref, lq)
        for have, expected in zip(swapped, net.extractor(ref)):
            torch.testing.assert_close(have, expected, rtol=1e-4, atol=1e-5)


def test_the_transfer_against_the_equation(net):
    """ψ₀ is the content, ψₗ = (ψ + Res(ψ ‖ M))↑2 (Eq. 4)."""
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight, std=0.1)
    lq, ref, ref_down = torch.rand(1, 3, 5, 4), torch.rand(1, 3, 16, 24), torch.rand(1, 3, 4, 6)

    def block(part, feature):
        return feature + part.conv2(part.conv1(feature).relu())

    with torch.no_grad():
        swapped = net.swap(lq, ref, ref_down)
        feature = block(net.content[2][0], net.content[0](lq).relu())
        for index, (transfer, texture) in enumerate(zip(net.transfers, swapped)):
            merged = transfer.merge(torch.cat((feature, texture), 1)).relu()
            feature = feature + block(transfer.blocks[0], merged)
            if index < 2:
                feature = F.pixel_shuffle(net.enlargements[index][0](feature), 2).relu()
        expected = net.to_image[2](net.to_image[0](feature).relu())
        torch.testing.assert_close(net(lq, ref, ref_down), expected)


def test_the_features_are_frozen_and_the_rest_learns():
    net = SRNTT(channels=4, num_blocks=1)
    net(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 16, 16), torch.rand(1, 3, 4, 4)).sum().backward()
    learned = {name for name, value in net.named_parameters() if value.grad is not None}
    assert learned == {name for name, _ in net.named_parameters() if 'extractor' not in name}
