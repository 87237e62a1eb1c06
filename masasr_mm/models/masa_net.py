"""MASANet, the generator: how the parts are wired (Fig. 2a)."""

from __future__ import annotations

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from .aggregation import upsample
from .blocks import convolution, initialize, residual_blocks
from .lr_pyramid import LRPyramid
from .matching import Matches


@MODELS.register_module()
class MASANet(BaseModule):
    """The generator of MASA-SR (Sec. 3). With no arguments it is the paper's ×4 network.

    Args:
        encoder (dict): Config of the encoder. Default: ``MASAEncoder``.
        matching (dict): Config of MEM. Default: ``MatchExtractionModule``.
        adaptation (dict): Config of SAM or of one of its siblings; one module, its weights shared
            by all scales. Default: ``SpatialAdaptationModule``.
        aggregation (dict): Config of DRAM, one module for each scale above 1×.
            Default: ``DualResidualAggregationModule``.
        channels (int): Channels of all features. Default: 64.
        fusion_blocks (tuple[int, ...]): Residual blocks of the fusion module at 1×, 2×, 4×, …;
            their number decides the scale. Default: (12, 8, 4), which gives ×4.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.

    Example:
        >>> net = MASANet()
        >>> lq, ref_down = torch.rand(1, 3, 40, 40), torch.rand(1, 3, 40, 40)
        >>> net(lq, torch.rand(1, 3, 160, 160), ref_down).shape
        torch.Size([1, 3, 160, 160])
    """

    def __init__(
        self,
        encoder: dict | None = None,
        matching: dict | None = None,
        adaptation: dict | None = None,
        aggregation: dict | None = None,
        channels: int = 64,
        fusion_blocks: tuple[int, ...] = (12, 8, 4),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)

        def build(default: str, config: dict | None, **shared) -> nn.Module:
            return MODELS.build({'type': default, **shared, **(config or {})})

        num_levels = len(fusion_blocks)
        self.scale = 2 ** (num_levels - 1)
        self.encoder = build('MASAEncoder', encoder, channels=channels, num_levels=num_levels)
        self.matching = build('MatchExtractionModule', matching)
        self.adaptation = build('SpatialAdaptationModule', adaptation, channels=channels)
        self.lr_pyramid = LRPyramid(channels, num_levels)
        self.merge = nn.Sequential(convolution(2 * channels, channels), nn.ReLU(inplace=True))
        self.aggregations = nn.ModuleList(
            build('DualResidualAggregationModule', aggregation, channels=channels)
            for _ in fusion_blocks[1:]
        )
        self.refinements = nn.ModuleList(residual_blocks(channels, n) for n in fusion_blocks)
        self.to_image = convolution(channels, 3)
        for part in (self.merge, self.refinements, self.to_image):
            initialize(part)

    @property
    def size_divisor(self) -> int:
        """int: Height and width of ``lq`` must be multiples of this."""
        return max(self.scale, self.matching.block_size)

    @property
    def min_ref_down(self) -> int:
        """int: The least height and width of ``ref_down``, one patch of the matching."""
        return self.matching.patch_size

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        """Super-resolve ``lq`` with the texture of ``ref``.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1]; h and w are multiples of
                ``size_divisor``.
            ref (Tensor): The reference, shape (N, 3, scale·H, scale·W), RGB in [0, 1].
            ref_down (Tensor): The reference bicubically reduced, shape (N, 3, H, W), RGB in
                [0, 1]; H and W are at least ``min_ref_down``.

        Returns:
            Tensor: The SR image, shape (N, 3, scale·h, scale·w), about [0, 1], not clipped.

        Raises:
            ValueError: If a size does not fit.
        """
        return self.super_resolve(lq, ref, ref_down)[0]

    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """Do what :meth:`forward` does, and tell where the texture came from.

        Args:
            lq (Tensor): As in :meth:`forward`.
            ref (Tensor): As in :meth:`forward`.
            ref_down (Tensor): As in :meth:`forward`.

        Returns:
            tuple[Tensor, Matches]: The SR image, and the matches that it was made with.

        Raises:
            ValueError: If a size does not fit.
        """
        self._check_sizes(lq, ref, ref_down)
        lq, ref, ref_down = (
            image.contiguous(memory_format=torch.channels_last) for image in (lq, ref, ref_down)
        )
        lq_features = self.encoder(lq)
        matches = self.matching(lq_features[0], self.encoder(ref_down, num_levels=1)[0])
        feature = self.lr_pyramid(lq_features)
        ref_features = self.encoder(ref)

        texture = self.matching.extract(ref_features.pop(), matches)
        texture = self.adaptation(feature, texture)
        feature = self.refinements[0](self.merge(torch.cat((texture, feature), dim=1)))

        for aggregation, refinement in zip(self.aggregations, self.refinements[1:]):
            texture = self.matching.extract(ref_features.pop(), matches)
            texture = self.adaptation(upsample(feature), texture)
            feature = refinement(aggregation(feature, texture))

        bicubic = F.interpolate(lq, scale_factor=self.scale, mode='bicubic', align_corners=False)
        return self.to_image(feature) + bicubic, matches

    def _check_sizes(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> None:
        divisor = self.size_divisor
        if lq.shape[2] % divisor or lq.shape[3] % divisor:
            raise ValueError(
                f'lq is {lq.shape[2]}×{lq.shape[3]}; height and width must be multiples of '
                f'{divisor} (the editor MASA pads and crops by itself)'
            )
        expected = [size * self.scale for size in ref_down.shape[2:]]
        if list(ref.shape[2:]) != expected:
            raise ValueError(
                f'ref is {ref.shape[2]}×{ref.shape[3]} but must be {self.scale} times ref_down, '
                f'{expected[0]}×{expected[1]}'
            )
