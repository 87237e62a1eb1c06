"""A module of one's own in SAM's place."""

from __future__ import annotations

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn


@MODELS.register_module()
class GatedAdaptation(BaseModule):
    """Let a gate decide, position by position, how much of the reference comes through.

    MASANet builds whatever its config names as ``adaptation``, gives it ``channels``, and calls it
    as below at every scale.

    Args:
        channels (int): Channels of both features. Default: 64.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.gate = nn.Sequential(nn.Conv2d(2 * channels, channels, 3, padding=1), nn.Sigmoid())

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Adapt the extracted reference feature to the LR feature.

        Args:
            lr (Tensor): LR feature, shape (N, C, H, W).
            ref (Tensor): Reference feature, shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, H, W).
        """
        return self.gate(torch.cat((lr, ref), dim=1)) * ref
