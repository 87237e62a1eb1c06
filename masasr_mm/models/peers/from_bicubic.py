"""Starting from the bicubic enlargement, for a comparison of short trainings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmagic.registry import MODELS
from torch import Tensor, nn

from .network import PeerNetwork, enlarge


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
        """str: What tables call the network."""
        return self.network.name

    def init_weights(self) -> None:
        """Initialise as mmengine does before training, the last convolution with zeros."""
        super().init_weights()
        last = last_convolution(self.network)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        """Super-resolve ``lq``.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1].
            ref (Tensor): The reference, shape (N, 3, 4·H, 4·W), RGB in [0, 1].
            ref_down (Tensor): The reference bicubically reduced, shape (N, 3, H, W), RGB in [0, 1].

        Returns:
            Tensor: The SR image, shape (N, 3, 4·h, 4·w), about [0, 1], not clipped.
        """
        return enlarge(lq) + self.network(lq, ref, ref_down) - self.blank


def last_convolution(network: nn.Module) -> nn.Conv2d:
    """Find the learned convolution that makes the image.

    Args:
        network (nn.Module): Its modules are named in the order of their use, but for some that have
            no three channels.

    Returns:
        nn.Conv2d: The last one with three output channels that is trained.
    """
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d)
        and module.out_channels == 3
        and module.weight.requires_grad
    ][-1]
