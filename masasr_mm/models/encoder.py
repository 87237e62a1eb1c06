"""The encoder that LR, Ref and Ref↓ share, and what merges its levels of the LR (Fig. 2a)."""

from __future__ import annotations

from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .layers import (
    UPSAMPLE_HALO,
    JointConvolution,
    convolution,
    initialize,
    residual_blocks,
    upsample,
)


@MODELS.register_module()
class MASAEncoder(BaseModule):
    """Encode an image at several levels, each half the size of the one before (Sec. 4.2).

    A level is a convolution, ReLU and residual blocks; all convolutions but the first have
    stride 2. On the reference the levels are F_Ref at 4×, 2× and 1× of the LR size.

    Args:
        in_channels (int): Channels of the image. Default: 3.
        channels (int): Channels of every level. Default: 64.
        num_levels (int): How many levels there are. Default: 3.
        num_blocks (int): Residual blocks of each level. Default: 4.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: int = 64,
        num_levels: int = 3,
        num_blocks: int = 4,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.levels = nn.ModuleList(
            nn.Sequential(
                convolution(channels if level else in_channels, channels, stride=2 if level else 1),
                nn.ReLU(inplace=True),
                residual_blocks(channels, num_blocks),
            )
            for level in range(num_levels)
        )
        initialize(self)

    @property
    def halo(self) -> int:
        """How many pixels of the image around a tile its coarsest level depends on."""
        pixels = 0
        for level, layers in enumerate(self.levels):
            # The first convolution works at the size of the level before, the others at its own.
            pixels += 2 ** max(0, level - 1) + sum(block.halo for block in layers[2]) * 2**level
        return pixels

    def forward(self, image: Tensor, num_levels: int | None = None) -> list[Tensor]:
        """Return the features of an image, finest first.

        Args:
            image (Tensor): Shape (N, in_channels, H, W), in [0, 1].
            num_levels (int, optional): Stop after so many levels. Default: None, all of them.

        Returns:
            list[Tensor]: Level i has shape (N, C, ⌈H/2^i⌉, ⌈W/2^i⌉).
        """
        features = []
        for level in self.levels[:num_levels]:
            # Layer by layer: called as a whole, a level would hold its first feature to its end.
            for layer in (*level[:2], *level[2]):
                image = layer(image)
            features.append(image)
        return features


class LRPyramid(BaseModule):
    """The decoder's first part: merge the encoder's levels of the LR image, coarsest first."""

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
        """How many pixels around a tile of its result that depends on."""
        pixels = 0
        for level, (merging, _, blocks) in enumerate(self.levels):
            at_level = merging.padding[0] + sum(block.halo for block in blocks)
            if level < len(self.levels) - 1:
                at_level += UPSAMPLE_HALO
            pixels += at_level * 2**level
        return pixels

    def forward(self, features: list[Tensor]) -> Tensor:
        """Merge levels of shapes (N, C, h/2^i, w/2^i), finest first, into one of (N, C, h, w)."""
        merged = self.levels[-1](features[-1])
        for level, feature in zip(reversed(self.levels[:-1]), reversed(features[:-1])):
            merged = level((upsample(merged), feature))
        return merged
