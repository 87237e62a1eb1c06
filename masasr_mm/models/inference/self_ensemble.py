"""Self-ensemble: the mean of the results of all flips and turns of the images."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ..matching import Matches


class SuperResolver(Protocol):
    """What super-resolves as :class:`MASANet` does, whole or in tiles."""

    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """See :meth:`MASANet.super_resolve`."""


class SelfEnsemble:
    """A network that sees an image and its reference eight times, flipped and turned together.

    The eight results, turned back, are averaged, which takes eight times as long and gains some
    hundredths to tenths of a dB.

    Args:
        net (SuperResolver): The network, such as :class:`MASANet` or :class:`TiledMASANet`.
    """

    def __init__(self, net: SuperResolver) -> None:
        self.net = net

    @torch.no_grad()
    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """Do what :meth:`MASANet.super_resolve` does, eight times.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1].
            ref (Tensor): The reference, shape (N, 3, scale·H, scale·W), RGB in [0, 1].
            ref_down (Tensor): The reference reduced, shape (N, 3, H, W), RGB in [0, 1].

        Returns:
            tuple[Tensor, Matches]: The mean of the SR images, shape (N, 3, scale·h, scale·w), and
            the matches of the images as they are.
        """
        mean, matches = self.net.super_resolve(lq, ref, ref_down)
        for turns, mirrored in _WAYS[1:]:
            images = (_turned(image, turns, mirrored) for image in (lq, ref, ref_down))
            # Without a name, or it would be held until the next one is made.
            mean += _turned_back(self.net.super_resolve(*images)[0], turns, mirrored)
        return mean.div_(len(_WAYS)), matches


_WAYS = [(turns, mirrored) for mirrored in (False, True) for turns in range(4)]
RUNS = len(_WAYS)


def _turned(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    """Mirror an image, if so asked, and turn it by quarters."""
    return (image.flip(3) if mirrored else image).rot90(turns, dims=(2, 3))


def _turned_back(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    """Undo :func:`_turned`."""
    image = image.rot90(-turns, dims=(2, 3))
    return image.flip(3) if mirrored else image
