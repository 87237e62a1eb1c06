"""Residual blocks and the initialisation that the whole network shares."""

from __future__ import annotations

import math

from mmagic.models.archs import ResidualBlockNoBN
from torch import Tensor, nn


class ResidualBlock(ResidualBlockNoBN):
    """Residual block of the encoder and the decoder: conv, ReLU, conv, plus the input (Sec. 4.2).

    mmagic's block without its scaling of the residual, which is always 1 here and would cost
    another pass over the feature.

    Args:
        channels (int): Channels in, between and out. Default: 64.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__(mid_channels=channels)

    def forward(self, feature: Tensor) -> Tensor:
        """Refine a feature.

        Args:
            feature (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, H, W).
        """
        return self.conv2(self.relu(self.conv1(feature))).add_(feature)


def residual_blocks(channels: int, count: int) -> nn.Sequential:
    """Return ``count`` residual blocks one after another.

    Args:
        channels (int): Channels of each block.
        count (int): How many, 0 or more.

    Returns:
        nn.Sequential: The blocks; maps (N, C, H, W) to (N, C, H, W).
    """
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


def convolution(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """Return the 3×3 convolution with bias that every part of the network uses.

    Args:
        in_channels (int): Channels in.
        out_channels (int): Channels out.
        stride (int): 1, or 2 to halve the size. Default: 1.

    Returns:
        nn.Conv2d: Maps (N, in, H, W) to (N, out, ⌈H/stride⌉, ⌈W/stride⌉).
    """
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1)


def initialize(module: nn.Module) -> None:
    """Initialise every convolution below ``module`` as the released network does.

    Weights are drawn from a normal distribution with standard deviation 0.5·√(2 / (k²·out)),
    those inside residual blocks are then multiplied by 0.1, and biases are zero.

    Args:
        module (nn.Module): The network or a part of it.
    """
    for part in module.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
            outputs = part.kernel_size[0] * part.kernel_size[1] * part.out_channels
            nn.init.normal_(part.weight, std=0.5 * math.sqrt(2 / outputs))
            nn.init.zeros_(part.bias)
    for part in module.modules():
        if isinstance(part, ResidualBlockNoBN):
            for conv in (part.conv1, part.conv2):
                conv.weight.data.mul_(0.1)
