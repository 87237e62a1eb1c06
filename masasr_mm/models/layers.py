"""The layers that the whole network is made of: convolutions, residual blocks, enlarging."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

UPSAMPLE_HALO = 2
"""How many pixels of the enlarged feature around a tile :func:`upsample` depends on."""


def convolution(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """Return the 3×3 convolution with bias that every part of the network uses."""
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1)


def upsample(feature: Tensor) -> Tensor:
    """Enlarge (N, C, H, W) twice, bilinearly."""
    return F.interpolate(feature, scale_factor=2, mode='bilinear', align_corners=False)


class JointConvolution(nn.Conv2d):
    """The same convolution of two features side by side, which are never laid side by side.

    A convolution of a concatenation is the sum of the convolutions of its parts, each with its
    part of the weights. So the copy of both features is spared, and where they come one after
    another, only one of them is there at a time. Maps two features (N, C, H, W) to one.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(2 * channels, channels, kernel_size=3, padding=1)

    def forward(self, features: Iterable[Tensor]) -> Tensor:
        """Convolve two features, which are held by no name here."""
        first, second = self.weight.chunk(2, dim=1)
        features = iter(features)
        merged = F.conv2d(next(features), first, self.bias, padding=1)
        return merged.add_(F.conv2d(next(features), second, padding=1))


class ResidualBlock(nn.Module):
    """Residual block of the encoder and the decoder: conv, ReLU, conv, plus the input (Sec. 4.2).

    The names of its weights are those of mmagic's ``ResidualBlockNoBN``, whose import would take
    that of all of mmagic's models, and whose scaling of the residual, always 1 here, another pass
    over the feature.
    """

    halo: int | None = 2

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels)
        self.conv2 = convolution(channels, channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, feature: Tensor) -> Tensor:
        """Refine a feature, shape (N, C, H, W)."""
        return self.conv2(self.relu(self.conv1(feature))).add_(feature)


def residual_blocks(channels: int, count: int) -> nn.Sequential:
    """Return ``count`` residual blocks one after another."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


def initialize(module: nn.Module) -> None:
    """Initialise every convolution below ``module`` as the released network does.

    Weights are drawn from a normal distribution with standard deviation 0.5·√(2 / (k²·out)),
    those inside residual blocks are then multiplied by 0.1, and biases are zero.
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


_CAST = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
_copies: WeakKeyDictionary[nn.Module, nn.Module] = WeakKeyDictionary()


@contextmanager
def autocast(net: nn.Module, device: torch.device, dtype: torch.dtype) -> Iterator[nn.Module]:
    """Yield a network to be run under autocast, without gradients, its weights cast beforehand.

    Autocast alone casts the weights of one convolution after another, an operation each; those of
    the copy, which stays as long as the network, are cast together.
    """
    low = _copies.get(net)
    if low is None or _structure(low, dtype) != _structure(net, dtype):
        _copies[net] = low = _copied(net, dtype, {})
    weights, cast = [], []
    for part, twin in zip(net.modules(), low.modules()):
        own = ('_modules', '_parameters') if isinstance(part, _CAST) else ('_modules',)
        vars(twin).update((name, value) for name, value in vars(part).items() if name not in own)
        if isinstance(part, _CAST):
            weights += part.parameters(recurse=False)
            cast += twin.parameters(recurse=False)
    with torch.no_grad():
        torch._foreach_copy_(cast, weights)
    with torch.autocast(device.type, dtype):
        yield low


def _copied(part: nn.Module, dtype: torch.dtype, known: dict) -> nn.Module:
    """Copy a module but for what it holds, whose convolutions have weights of a type."""
    if part not in known:
        known[part] = twin = copy.copy(part)
        children = part._modules.items()
        vars(twin)['_modules'] = {name: _copied(child, dtype, known) for name, child in children}
        if isinstance(part, _CAST):
            vars(twin)['_parameters'] = {
                name: nn.Parameter(weight.detach().to(dtype), requires_grad=False)
                for name, weight in part._parameters.items()
            }
    return known[part]


def _structure(net: nn.Module, dtype: torch.dtype) -> list:
    """Return what a copy of a network has to have in common with it, but that it was cast."""
    weights = [
        (weight.shape, weight.device, weight.dtype == dtype or isinstance(part, _CAST))
        for part in net.modules()
        for weight in part.parameters(recurse=False)
    ]
    return [type(part) for part in net.modules()] + weights
