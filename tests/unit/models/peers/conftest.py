"""Features that a test chooses, in place of VGG's."""

from __future__ import annotations

import pytest
import torch
from torch import nn


class Features(nn.Module):
    """Random projections of the pixels at three sizes, as VGG has them."""

    def __init__(self, channels: tuple[int, int, int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(3, count, stride, stride) for count, stride in zip(channels, (4, 2, 1))
        )

    def forward(self, image):
        return [layer(image) for layer in self.layers]


@pytest.fixture
def features():
    torch.manual_seed(3)
    return Features
