"""The Spatial Adaptation Module (Eq. 6–11) and what Table 3 compares it with."""

from __future__ import annotations

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .blocks import convolution, initialize


def instance_normalize(feature: Tensor, eps: float = 1e-5) -> Tensor:
    """Remove mean and standard deviation of every channel (Eq. 6–8).

    Args:
        feature (Tensor): Shape (N, C, H, W).
        eps (float): Added to the (biased) variance. Default: 1e-5.

    Returns:
        Tensor: Shape (N, C, H, W).
    """
    variance, mean = torch.var_mean(feature, dim=(2, 3), correction=0, keepdim=True)
    scale = torch.rsqrt(variance + eps)
    return torch.addcmul(-mean * scale, feature, scale)


class _Adaptation(BaseModule):
    """What every kind of adaptation has in common: how it is built and called.

    Args:
        channels (int): Channels of both features. Default: 64.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.channels = channels

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Adapt the extracted reference feature to the LR feature.

        Args:
            lr (Tensor): LR feature, shape (N, C, H, W).
            ref (Tensor): Reference feature as MEM extracted it, shape (N, C, H, W).

        Returns:
            Tensor: The adapted reference feature, shape (N, C, H, W).
        """
        raise NotImplementedError


class _LearnedAdaptation(_Adaptation):
    """Adaptation whose β and γ are maps that convolutions predict from a style feature."""

    def __init__(
        self, style_channels: int, channels: int = 64, init_cfg: dict | None = None
    ) -> None:
        super().__init__(channels, init_cfg)
        self.style = nn.Sequential(convolution(style_channels, channels), nn.ReLU(inplace=True))
        self.gamma = convolution(channels, channels)
        self.beta = convolution(channels, channels)
        initialize(self)
        for conv in (self.gamma, self.beta):
            nn.init.zeros_(conv.weight)


@MODELS.register_module()
class SpatialAdaptationModule(_LearnedAdaptation):
    """SAM: remap the distribution of the reference feature to that of the LR feature (Sec. 3.2).

    Out = IN(F_Ref)·(γ + σ_LR) + (β + μ_LR), where convolutions predict the maps γ and β from
    both features (Eq. 6–11). σ_LR is the unbiased standard deviation, as in the released network.

    Args:
        channels (int): Channels of both features. Default: 64.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(2 * channels, channels, init_cfg)

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:  # noqa: D102  (documented above)
        style = self.style(torch.cat((lr, ref), dim=1))
        variance, mean = torch.var_mean(lr, dim=(2, 3), keepdim=True)
        gamma = self.gamma(style) + variance.sqrt()
        beta = self.beta(style) + mean
        return torch.addcmul(beta, instance_normalize(ref), gamma)


@MODELS.register_module()
class NoAdaptation(_Adaptation):
    """The baseline of Table 3: the reference feature unchanged."""

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:  # noqa: D102
        return ref


@MODELS.register_module()
class AdaptiveInstanceNormalization(_Adaptation):
    """AdaIN of Table 3: mean and deviation of the LR feature alone, IN(F_Ref)·σ_LR + μ_LR."""

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:  # noqa: D102
        variance, mean = torch.var_mean(lr, dim=(2, 3), keepdim=True)
        return torch.addcmul(mean, instance_normalize(ref), variance.sqrt())


@MODELS.register_module()
class SpatiallyAdaptiveNormalization(_LearnedAdaptation):
    """SPADE of Table 3: γ and β from the LR feature alone, IN(F_Ref)·(1 + γ) + β."""

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(channels, channels, init_cfg)

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:  # noqa: D102
        style = self.style(lr)
        return torch.addcmul(self.beta(style), instance_normalize(ref), 1 + self.gamma(style))
