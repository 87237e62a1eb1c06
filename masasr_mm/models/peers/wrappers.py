"""Networks of libraries, and the bicubic enlargement, around which all else is the same."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import torch
from mmagic.registry import MODELS
from torch import Tensor, nn

from ...errors import UserError
from .network import PeerNetwork, built_on_cpu, enlarge


@MODELS.register_module()
class SingleImageNetwork(PeerNetwork):
    """Any ×4 network of one image, called as ``MASANet`` is; the references are ignored.

    With mmagic's networks and :func:`super_image_network`: SRCNN, MDSR, RDN, RCAN, HAN, SRGAN, ENet
    and ESRGAN.

    Args:
        network (dict): Config of the network, which maps (N, 3, h, w) to (N, 3, 4·h, 4·w).
        value_range (float): What white is to the network. Default: 1.
        init_cfg (dict, optional): mmengine's initialisation config.
    """

    def __init__(
        self, network: dict, value_range: float = 1.0, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.network = MODELS.build(network)
        self.value_range = value_range

    @property
    def name(self) -> str:
        """What tables call the network."""
        return type(self.network).__name__

    def forward(
        self, lq: Tensor, ref: Tensor | None = None, ref_down: Tensor | None = None
    ) -> Tensor:
        """Super-resolve ``lq`` alone, (N, 3, h, w) to (N, 3, 4·h, 4·w)."""
        if self.value_range == 1:
            return self.network(lq)
        return self.network(lq * self.value_range) / self.value_range


@MODELS.register_module(name='SuperImageNetwork')
def super_image_network(model: str, **options) -> nn.Module:
    """Build a network of the library super-image, by its config class.

    Args:
        model (str): Such as 'Rcan' for ``RcanModel`` and ``RcanConfig``.
        **options: Arguments of the config class, such as ``scale=4``.

    Returns:
        nn.Module: Maps (N, 3, h, w) to (N, 3, scale·h, scale·w), both in [0, ``rgb_range``].

    Raises:
        UserError: If the library is not installed, or has no such network.
    """
    try:
        library = importlib.import_module('super_image')
    except ImportError as error:
        raise UserError(
            f"{model}: needs the package super-image ({error}): pip install 'masasr_mm[peers]'"
        ) from error
    try:
        kind, config = getattr(library, f'{model}Model'), getattr(library, f'{model}Config')
    except AttributeError as error:
        raise UserError(f'super-image has no network {model!r}, such as Rcan and Han') from error
    network = built_on_cpu(lambda: kind(config(**options)))
    for name in ('sub_mean', 'add_mean'):  # the mean of the images is no weight
        if hasattr(network, name):
            getattr(network, name).requires_grad_(False)
    return network


@MODELS.register_module()
class FromBicubic(PeerNetwork):
    """A network that learns what the bicubic enlargement misses, as MASA's network and ENet do.

    A network that makes all of the image has to learn the enlargement first; in a short training
    that decides more than what the networks are. Its last convolution starts at zero, so that the
    first image is the enlargement itself.

    Args:
        network (dict): Config of a :class:`PeerNetwork`.
        blank (float | Sequence[float]): The colour, RGB in [0, 1], that the network gives where its
            last convolution gives zeros. Default: 0.
        init_cfg (dict, optional): mmengine's initialisation config.
    """

    def __init__(
        self, network: dict, blank: float | Sequence[float] = 0.0, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.network = MODELS.build(network)
        self.size_divisor = self.network.size_divisor
        self.min_ref_down = self.network.min_ref_down
        self.register_buffer('blank', torch.tensor(blank).view(-1, 1, 1), persistent=False)

    @property
    def name(self) -> str:
        """What tables call the network."""
        return self.network.name

    def init_weights(self) -> None:
        """Initialise as mmengine does before training, the last convolution with zeros."""
        super().init_weights()
        makes_the_image = [
            part
            for part in self.network.modules()
            if isinstance(part, nn.Conv2d) and part.out_channels == 3 and part.weight.requires_grad
        ]
        for parameter in makes_the_image[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        """Super-resolve ``lq``, (N, 3, h, w) to (N, 3, 4·h, 4·w)."""
        return enlarge(lq) + self.network(lq, ref, ref_down) - self.blank
