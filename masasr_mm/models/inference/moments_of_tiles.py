"""Statistics of an image whose tiles come one after another."""

from __future__ import annotations

import torch
from torch import Tensor

from ..adaptation import Moments, moments


class MomentsOfTiles:
    """Mean and variance over an image whose tiles come one after another."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, tile: Tensor) -> None:
        """Take in one more tile.

        Args:
            tile (Tensor): Shape (N, C, H, W); no pixel of the image in two tiles.
        """
        mean, variance, count = moments(tile)
        # Apple's mps knows no float64
        precise = torch.float32 if tile.device.type == 'mps' else torch.float64
        mean, variance = mean.to(precise), variance.to(precise)
        if not self.count:
            self.mean, self.variance, self.count = mean, variance, count
            return
        total = self.count + count
        share = count / total
        difference = mean - self.mean
        self.variance += share * (variance - self.variance)
        self.variance += share * (1 - share) * difference.square()
        self.mean += share * difference
        self.count = total

    def result(self, dtype: torch.dtype) -> Moments:
        """Return the moments of all tiles together.

        Args:
            dtype (torch.dtype): Of the feature; statistics of half precision stay in float32.

        Returns:
            Moments: Of the whole image.
        """
        dtype = torch.promote_types(dtype, torch.float32)
        return Moments(self.mean.to(dtype), self.variance.to(dtype), self.count)
