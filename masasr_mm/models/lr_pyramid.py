"""The first part of the decoder: LR features of all levels become one."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn

from .aggregation import UPSAMPLE_HALO, upsample
from .convolutions import JointConvolution, convolution, initialize, residual_blocks


class LRPyramid(BaseModule):
    """Merge the encoder's levels of the LR image, coarsest first, into the decoder's first feature.

    Args:
        channels (int): Channels of every level. Default: 64.
        num_levels (int): How many levels the encoder has. Default: 3.
        num_blocks (int): Residual blocks at each level. Default: 2.
    """

    def __init__(self, channels: int = 64, num_levels: int = 3, num_blocks: int = 2) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(
                convolution(channels, channels)
                if level == num_levels - 1
                else JointConvolution(channels),
                nn.ReLU(inplace=True),
                residual_blocks(channels, num_blocks),
            )
            for level in range(num_levels)
        )
        initialize(self)

    @property
    def halo(self) -> int:
        """int: How many pixels around a tile of its result that depends on."""
        pixels = 0
        for level, (merging, _, blocks) in enumerate(self.levels):
            at_level = merging.padding[0] + sum(block.halo for block in blocks)
            if level < len(self.levels) - 1:
                at_level += UPSAMPLE_HALO
            pixels += at_level * 2**level
        return pixels

    def forward(self, features: list[Tensor]) -> Tensor:
        """Merge features.

        Args:
            features (list[Tensor]): The encoder's levels of the LR image, finest first; level i
                has shape (N, C, h/2^i, w/2^i).

        Returns:
            Tensor: Shape (N, C, h, w).
        """
        merged = self.levels[-1](features[-1])
        for level, feature in zip(reversed(self.levels[:-1]), reversed(features[:-1])):
            merged = level((upsample(merged), feature))
        return merged
