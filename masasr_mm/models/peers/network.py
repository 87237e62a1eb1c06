"""What all networks have in common that MASA is compared with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F


class PeerNetwork(BaseModule):
    """A ×4 network that is called as ``MASANet`` is, for the editor ``MASA`` to train and test it.

    Attributes:
        scale (int): How many times larger the results are.
        size_divisor (int): Height and width of ``lq`` must be multiples of this.
        min_ref_down (int): The least height and width of ``ref_down``.
        supports_tiles (bool): Whether it can be run in tiles.
        tells_matches (bool): Whether it tells where texture came from.
    """

    scale = 4
    size_divisor = 1
    min_ref_down = 1
    supports_tiles = False
    tells_matches = False

    @property
    def name(self) -> str:
        """What tables call the network."""
        return type(self).__name__

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        """Super-resolve ``lq``.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1].
            ref (Tensor): The reference, shape (N, 3, 4·H, 4·W), RGB in [0, 1].
            ref_down (Tensor): The reference bicubically reduced, shape (N, 3, H, W), RGB in [0, 1].

        Returns:
            Tensor: The SR image, shape (N, 3, 4·h, 4·w), about [0, 1], not clipped.
        """
        raise NotImplementedError

    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, None]:
        """Do what :meth:`forward` does, as ``MASANet.super_resolve`` is called: without matches."""
        return self(lq, ref, ref_down), None


def enlarge(image: Tensor, scale: int = PeerNetwork.scale) -> Tensor:
    """Enlarge (N, C, H, W) bicubically, as Pillow and MATLAB do."""
    # With antialias, torch's bicubic kernel is theirs.
    return F.interpolate(image, scale_factor=scale, mode='bicubic', antialias=True)


def built_on_cpu(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a module of a library that sets constants in a way that the device ``meta`` refuses."""
    device = torch.empty(0).device
    with torch.device('cpu'):
        module = build()
    return module.to(device)
