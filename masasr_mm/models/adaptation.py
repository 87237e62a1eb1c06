"""The Spatial Adaptation Module (Eq. 6–11) and what Table 3 compares it with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .layers import JointConvolution, convolution, initialize


class Moments(NamedTuple):
    """Mean and biased variance of every channel (Eq. 7–8), (N, C, 1, 1), of so many pixels."""

    mean: Tensor
    variance: Tensor
    count: int

    @property
    def deviation(self) -> Tensor:
        """Unbiased standard deviation, shape (N, C, 1, 1); of one pixel it is 0."""
        variance = self.variance * (self.count / max(1, self.count - 1))
        if not torch.is_grad_enabled():
            return variance.sqrt()
        # The root has an infinite slope at 0; as with torch.std, a constant channel has none.
        constant = variance == 0
        return variance.masked_fill(constant, 1).sqrt().masked_fill(constant, 0)


def moments(feature: Tensor) -> Moments:
    """Measure (N, C, H, W), in float32 at least: half precision holds no small squares."""
    feature = feature.to(torch.promote_types(feature.dtype, torch.float32))
    if feature.is_cpu:  # where var_mean takes three times as long, as channels are last
        mean = feature.mean(dim=(2, 3), keepdim=True)
        variance = (feature - mean).square_().mean(dim=(2, 3), keepdim=True)
    else:
        variance, mean = torch.var_mean(feature, dim=(2, 3), correction=0, keepdim=True)
    return Moments(mean, variance, feature.shape[2] * feature.shape[3])


_WholeImage = tuple[Moments, Moments]
_whole_image: ContextVar[_WholeImage | None] = ContextVar('whole_image', default=None)


@contextmanager
def whole_image_moments(lr: Moments, ref: Moments) -> Iterator[None]:
    """Give the adaptations that this thread runs inside the statistics of whole images."""
    token = _whole_image.set((lr, ref))
    try:
        yield
    finally:
        _whole_image.reset(token)


class Adaptation(BaseModule):
    """Base of adaptations that use statistics of the whole image (Eq. 6–8).

    What uses none needs no such base: any module with the same ``forward`` can take SAM's place.

    Args:
        channels (int): Channels of both features. Default: 64.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Adapt the extracted reference feature to the LR feature.

        Args:
            lr (Tensor): LR feature, shape (N, C, H, W).
            ref (Tensor): Reference feature as MEM extracted it, shape (N, C, H, W).

        Returns:
            Tensor: The adapted reference feature, shape (N, C, H, W).
        """
        raise NotImplementedError

    def lr_moments(self, lr: Tensor) -> Moments:
        """Measure the LR feature (Eq. 9–10).

        Args:
            lr (Tensor): As :meth:`forward` was given it, shape (N, C, H, W).

        Returns:
            Moments: Of the whole image, also where ``lr`` is a tile of it.
        """
        whole = _given()
        return moments(lr) if whole is None else whole[0]

    def normalize_ref(self, ref: Tensor, eps: float = 1e-5) -> Tensor:
        """Remove mean and standard deviation of every channel (Eq. 6–8).

        Args:
            ref (Tensor): As :meth:`forward` was given it, shape (N, C, H, W).
            eps (float): Added to the (biased) variance. Default: 1e-5.

        Returns:
            Tensor: Normalised as the whole image is, also where ``ref`` is a tile of it.
        """
        whole = _given()
        mean, variance, _ = moments(ref) if whole is None else whole[1]
        scale = torch.rsqrt(variance + eps)
        # Half precision stays what it is: operations on two types take ten times as long on a CPU.
        return torch.addcmul(-mean * scale, ref, scale).to(ref.dtype)


def _given() -> _WholeImage | None:
    """Return the statistics of whole images in tiles; compiled networks run whole."""
    return None if torch.compiler.is_compiling() else _whole_image.get()


class _LearnedAdaptation(Adaptation):
    """Adaptation whose β and γ are maps that convolutions predict from a style feature."""

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
    """

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(JointConvolution(channels), channels, init_cfg)

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Return IN(F_Ref)·(γ + σ_LR) + (β + μ_LR), shape (N, C, H, W)."""
        lr_moments = self.lr_moments(lr)
        style = self.style((lr, ref))
        gamma, beta = self.gamma(style), self.beta(style)
        gamma.add_(lr_moments.deviation.to(gamma.dtype))
        beta.add_(lr_moments.mean.to(beta.dtype))
        del style
        return beta.addcmul_(self.normalize_ref(ref), gamma)


@MODELS.register_module()
class NoAdaptation(Adaptation):
    """The baseline of Table 3: the reference feature unchanged."""

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Return F_Ref, shape (N, C, H, W)."""
        return ref


@MODELS.register_module()
class AdaptiveInstanceNormalization(Adaptation):
    """AdaIN of Table 3: mean and deviation of the LR feature alone, IN(F_Ref)·σ_LR + μ_LR."""

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Return IN(F_Ref)·σ_LR + μ_LR, shape (N, C, H, W)."""
        lr_moments, normalized = self.lr_moments(lr), self.normalize_ref(ref)
        mean, deviation = (
            moment.to(normalized.dtype) for moment in (lr_moments.mean, lr_moments.deviation)
        )
        return torch.addcmul(mean, normalized, deviation)


@MODELS.register_module()
class SpatiallyAdaptiveNormalization(_LearnedAdaptation):
    """SPADE of Table 3: γ and β from the LR feature alone, IN(F_Ref)·(1 + γ) + β."""

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(convolution(channels, channels), channels, init_cfg)

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Return IN(F_Ref)·(1 + γ) + β, shape (N, C, H, W)."""
        style = self.style(lr)
        gamma, beta = self.gamma(style).add_(1), self.beta(style)
        del style
        return beta.addcmul_(self.normalize_ref(ref), gamma)
