"""The convolutions that the whole network is made of: single, joint and in residual blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """Residual block of the encoder and the decoder: conv, ReLU, conv, plus the input (Sec. 4.2).

    The names of its weights are those of mmagic's ``ResidualBlockNoBN``, whose import would take
    that of all of mmagic's models, and whose scaling of the residual, always 1 here, another pass
    over the feature.

    Args:
        channels (int): Channels in, between and out. Default: 64.

    Attributes:
        halo (int | None): How many pixels around a tile its result depends on.
    """

    halo: int | None = 2

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels)
        self.conv2 = convolution(channels, channels)
        self.relu = nn.ReLU(inplace=True)

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


class JointConvolution(nn.Conv2d):
    """The same convolution of several features side by side, which are never laid side by side.

    A convolution of a concatenation is the sum of the convolutions of its parts, each with its
    part of the weights. So the copy of all features is spared, and where they come one after
    another, only one of them is there at a time.

    Args:
        channels (int): Channels of each feature, and channels out.
        count (int): How many features. Default: 2.
    """

    def __init__(self, channels: int, count: int = 2) -> None:
        super().__init__(count * channels, channels, kernel_size=3, padding=1)

    def forward(self, features: Iterable[Tensor]) -> Tensor:
        """Convolve features.

        Args:
            features (Iterable[Tensor]): ``count`` features, each of shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, H, W).

        Raises:
            ValueError: If there are fewer features, or more.
        """
        weights, features = self.weight.split(self.out_channels, dim=1), iter(features)
        merged = None
        for given, weight in enumerate(weights):
            feature = next(features, None)  # zip would hold it while the next one is made
            if feature is None:
                raise ValueError(f'{given} features for a convolution of {len(weights)}')
            if merged is None:
                merged = F.conv2d(feature, weight, self.bias, padding=1)
            else:
                merged = merged.add_(F.conv2d(feature, weight, padding=1))
            del feature
        if next(features, None) is not None:
            raise ValueError(f'more than {len(weights)} features for a convolution of as many')
        return merged


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
        if isinstance(part, ResidualBlock):
            for conv in (part.conv1, part.conv2):
                conv.weight.data.mul_(0.1)
