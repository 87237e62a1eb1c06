"""The generator of EnhanceNet, ENet (Sajjadi et al., ICCV 2017), Table 1."""

from __future__ import annotations

from mmagic.registry import MODELS
from torch import Tensor, nn

from ..layers import convolution, initialize, residual_blocks
from .network import enlarge


@MODELS.register_module()
class ENetGenerator(nn.Module):
    """Ten residual blocks at the LR's size, two nearest-neighbour enlargements, and what they miss.

    What comes out is added to the bicubically enlarged LR.

    Args:
        channels (int): Channels of all features. Default: 64.
        num_blocks (int): Residual blocks. Default: 10.
    """

    def __init__(self, channels: int = 64, num_blocks: int = 10) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            convolution(3, channels),
            nn.ReLU(inplace=True),
            residual_blocks(channels, num_blocks),
            nn.Upsample(scale_factor=2, mode='nearest'),
            convolution(channels, channels),
            nn.ReLU(inplace=True),
            nn.Upsample(scale_factor=2, mode='nearest'),
            convolution(channels, channels),
            nn.ReLU(inplace=True),
            convolution(channels, channels),
            nn.ReLU(inplace=True),
            convolution(channels, 3),
        )
        initialize(self)

    def forward(self, lq: Tensor) -> Tensor:
        """Super-resolve (N, 3, h, w), RGB in [0, 1], to (N, 3, 4·h, 4·w)."""
        return enlarge(lq) + self.layers(lq)
