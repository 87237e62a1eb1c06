"""MEM with another patch similarity in Stage 2."""

from __future__ import annotations

from mmagic.registry import MODELS
from torch import Tensor

from masasr_mm.models.matching import MatchExtractionModule
from masasr_mm.models.matching.blocks import BlockGrid


@MODELS.register_module()
class CorrelationMatching(MatchExtractionModule):
    """Compare patches by correlation: cosines of features from which their mean is taken.

    What is common to all channels of a pixel, such as its brightness, then no longer counts.
    """

    def fine_match(
        self, lr: Tensor, ref_down: Tensor, coarse_index: Tensor, grid: BlockGrid
    ) -> Tensor:
        """Do Stage 2 (Eq. 2–3) with centred features; shapes as in the base class."""
        return super().fine_match(centred(lr), centred(ref_down), coarse_index, grid)

    def similarity(self, lr: Tensor, ref_down: Tensor, position: Tensor, grid: BlockGrid) -> Tensor:
        """Compute R (Eq. 4) with centred features; shapes as in the base class."""
        return super().similarity(centred(lr), centred(ref_down), position, grid)


def centred(feature: Tensor) -> Tensor:
    """Take its mean over channels from every pixel of (N, C, H, W)."""
    return feature - feature.mean(dim=1, keepdim=True)
