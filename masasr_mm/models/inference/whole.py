"""Running MASANet on whole images, with no more of the reference than is needed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..masa_net import MASANet
from ..matching import Matches
from .kept_reference import smaller_kind

LEAST_REF_TILE = 256


class WholeMASANet:
    """A MASANet that encodes no part of the reference that nothing was matched to.

    The result is the network's, to float rounding.

    Args:
        net (MASANet): The network; its encoder has a ``halo``.
        examine (Callable, optional): Called with the matches before they are used; what it raises
            ends the run. Default: None.
    """

    def __init__(self, net: MASANet, examine: Callable[[Matches], None] | None = None) -> None:
        self.net = net
        self.examine = examine

    @torch.no_grad()
    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """Do what :meth:`MASANet.super_resolve` does.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1].
            ref (Tensor): The reference, shape (N, 3, scale·H, scale·W), RGB in [0, 1].
            ref_down (Tensor): The reference reduced, shape (N, 3, H, W), RGB in [0, 1].

        Returns:
            tuple[Tensor, Matches]: The SR image, shape (N, 3, scale·h, scale·w), and the matches.

        Raises:
            ValueError: If a size does not fit.
        """
        net = self.net
        net.check_sizes(lq, ref, ref_down)
        feature, matches = net.match(lq, ref_down)
        if self.examine:
            self.examine(matches)
        kept = smaller_kind(matches)(net, ref, matches, ref_tile(lq))
        for index in range(len(net.refinements)):
            feature = net.fuse(index, feature, kept.pop(index))
        return net.residual_image(feature) + net.enlarge(lq), matches


def ref_tile(lq: Tensor) -> int:
    """Return how much of the reference is encoded at once: a square that the LR fits into.

    So the features of a large reference need no more memory than those of the SR image, and where
    that is small, not so little that halos cost a third of the time.

    Args:
        lq (Tensor): The LR image, shape (N, 3, h, w).

    Returns:
        int: Height and width in Ref↓ pixels.
    """
    return max(LEAST_REF_TILE, *lq.shape[2:])
