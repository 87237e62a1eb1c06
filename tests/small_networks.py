"""Tiny networks and images for tests of how they are run."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from masasr_mm.models import MASANet

TINY = dict(channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1))


def network(std: float = 0.15, **changes) -> MASANet:
    """A network in which everything has an effect."""
    torch.manual_seed(0)
    net = MASANet(**{**TINY, 'fusion_blocks': (1, 2, 1), **changes}).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return net


def images(h: int, w: int, ref_h: int, ref_w: int, n: int = 1, scale: int = 4) -> list[Tensor]:
    """LR, Ref and Ref↓ of noise."""
    ref = torch.rand(n, 3, scale * ref_h, scale * ref_w)
    return [torch.rand(n, 3, h, w), ref, F.avg_pool2d(ref, scale)]


def shapes(h: int, w: int, ref_h: int, ref_w: int) -> list[Tensor]:
    """LR and Ref without pixels, of any size."""
    return [torch.empty(1, 3, *size, device='meta') for size in ((h, w), (ref_h, ref_w))]
