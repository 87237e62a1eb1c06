"""The Spatial Adaptation Module (Eq. 6–11) and what Table 3 compares it with."""

from __future__ import annotations

from typing import NamedTuple

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .convolutions import JointConvolution, convolution, initialize


class Moments(NamedTuple):
    """Mean and variance of every channel of a feature over the whole image (Eq. 7–8).

    Attributes:
        mean (Tensor): Shape (N, C, 1, 1), float32 or wider.
        variance (Tensor): Biased, shape (N, C, 1, 1), float32 or wider.
        count (int): How many pixels they are of.
    """

    mean: Tensor
    variance: Tensor
    count: int

    @property
    def deviation(self) -> Tensor:
        """Tensor: The unbiased standard deviation, shape (N, C, 1, 1); of one pixel it is 0."""
        variance = self.variance * (self.count / max(1, self.count - 1))
        # The root has an infinite slope at 0; as with torch.std, a constant channel has none.
        constant = variance == 0
        return variance.masked_fill(constant, 1).sqrt().masked_fill(constant, 0)


def moments(feature: Tensor) -> Moments:
    """Measure a feature, in float32 at least: half precision holds no square of a small number.

    Args:
        feature (Tensor): Shape (N, C, H, W).

    Returns:
        Moments: Of every channel.
    """
    feature = feature.to(torch.promote_types(feature.dtype, torch.float32))
    # torch.var_mean takes five times as long where channels are last.
    mean = feature.mean(dim=(2, 3), keepdim=True)
    variance = (feature - mean).square_().mean(dim=(2, 3), keepdim=True)
    return Moments(mean, variance, feature.shape[2] * feature.shape[3])


def instance_normalize(feature: Tensor, measured: Moments | None, eps: float = 1e-5) -> Tensor:
    """Remove mean and standard deviation of every channel (Eq. 6–8).

    Args:
        feature (Tensor): Shape (N, C, H, W).
        measured (Moments, optional): Of the whole image, where ``feature`` is a part of one.
        eps (float): Added to the (biased) variance. Default: 1e-5.

    Returns:
        Tensor: Shape (N, C, H, W).
    """
    mean, variance, _ = measured or moments(feature)
    scale = torch.rsqrt(variance + eps)
    # Half precision stays what it is: operations on two types take ten times as long on a CPU.
    return torch.addcmul(-mean * scale, feature, scale).to(feature.dtype)


class _Adaptation(BaseModule):
    """What every kind of adaptation has in common: how it is built and called.

    Args:
        channels (int): Channels of both features. Default: 64.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.

    Attributes:
        halo (int | None): How many pixels around a tile its result depends on, given the moments
            of the whole; None for all of them.
    """

    halo: int | None = 0

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.channels = channels

    def forward(
        self,
        lr: Tensor,
        ref: Tensor,
        lr_moments: Moments | None = None,
        ref_moments: Moments | None = None,
    ) -> Tensor:
        """Adapt the extracted reference feature to the LR feature.

        Args:
            lr (Tensor): LR feature, shape (N, C, H, W).
            ref (Tensor): Reference feature as MEM extracted it, shape (N, C, H, W).
            lr_moments (Moments, optional): Of the whole LR feature, where ``lr`` is a tile of it.
                Default: None, those of ``lr``.
            ref_moments (Moments, optional): The same for ``ref``. Default: None.

        Returns:
            Tensor: The adapted reference feature, shape (N, C, H, W).
        """
        raise NotImplementedError


class _LearnedAdaptation(_Adaptation):
    """Adaptation whose β and γ are maps that convolutions predict from a style feature."""

    halo = 2  # two convolutions, one after the other

    def __init__(self, style: nn.Conv2d, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(channels, init_cfg)
        self.style = nn.Sequential(style, nn.ReLU(inplace=True))
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
        super().__init__(JointConvolution(channels), channels, init_cfg)

    def forward(  # noqa: D102  (documented above)
        self,
        lr: Tensor,
        ref: Tensor,
        lr_moments: Moments | None = None,
        ref_moments: Moments | None = None,
    ) -> Tensor:
        lr_moments = lr_moments or moments(lr)
        style = self.style((lr, ref))
        gamma, beta = self.gamma(style), self.beta(style)
        gamma.add_(lr_moments.deviation.to(gamma.dtype))
        beta.add_(lr_moments.mean.to(beta.dtype))
        del style
        return beta.addcmul_(instance_normalize(ref, ref_moments), gamma)


@MODELS.register_module()
class NoAdaptation(_Adaptation):
    """The baseline of Table 3: the reference feature unchanged."""

    def forward(  # noqa: D102  (documented above)
        self,
        lr: Tensor,
        ref: Tensor,
        lr_moments: Moments | None = None,
        ref_moments: Moments | None = None,
    ) -> Tensor:
        return ref


@MODELS.register_module()
class AdaptiveInstanceNormalization(_Adaptation):
    """AdaIN of Table 3: mean and deviation of the LR feature alone, IN(F_Ref)·σ_LR + μ_LR."""

    def forward(  # noqa: D102  (documented above)
        self,
        lr: Tensor,
        ref: Tensor,
        lr_moments: Moments | None = None,
        ref_moments: Moments | None = None,
    ) -> Tensor:
        lr_moments = lr_moments or moments(lr)
        normalized = instance_normalize(ref, ref_moments)
        mean, deviation = (
            moment.to(normalized.dtype) for moment in (lr_moments.mean, lr_moments.deviation)
        )
        return torch.addcmul(mean, normalized, deviation)


@MODELS.register_module()
class SpatiallyAdaptiveNormalization(_LearnedAdaptation):
    """SPADE of Table 3: γ and β from the LR feature alone, IN(F_Ref)·(1 + γ) + β."""

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(convolution(channels, channels), channels, init_cfg)

    def forward(  # noqa: D102  (documented above)
        self,
        lr: Tensor,
        ref: Tensor,
        lr_moments: Moments | None = None,
        ref_moments: Moments | None = None,
    ) -> Tensor:
        style = self.style(lr)
        gamma, beta = self.gamma(style).add_(1), self.beta(style)
        del style
        return beta.addcmul_(instance_normalize(ref, ref_moments), gamma)
