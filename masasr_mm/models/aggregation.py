"""The Dual Residual Aggregation Module (Eq. 12–13, Fig. 2c)."""

from __future__ import annotations

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import JointConvolution, convolution, initialize, upsample


class _Branch(nn.Module):
    """A branch's two convolutions: one halves the reference feature, one doubles a residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = convolution(channels, channels, stride=2)
        self.up = nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)


@MODELS.register_module()
class DualResidualAggregationModule(BaseModule):
    """DRAM: refine the details of both features by their residuals and merge them (Sec. 3.3).

    Either branch can be left out, for Table 4: Model 1 has neither, Model 2 the LR branch,
    Model 3 the Ref branch, Model 4 both. The side without its branch is merged as it is, the LR
    feature enlarged bilinearly.

    Args:
        channels (int): Channels of both features. Default: 64.
        ref_branch (bool): Refine the reference feature by Eq. 12. Default: True.
        lr_branch (bool): Refine the LR feature by Eq. 13. Default: True.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

    halo: int | None = 3  # down and up together 2, the merging convolution 1

    def __init__(
        self,
        channels: int = 64,
        ref_branch: bool = True,
        lr_branch: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.ref_branch = _Branch(channels) if ref_branch else None
        self.lr_branch = _Branch(channels) if lr_branch else None
        self.merge = JointConvolution(channels)
        initialize(self)

    def forward(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Merge the LR feature with the adapted reference feature of twice its size.

        Args:
            lr (Tensor): LR feature, shape (N, C, H, W).
            ref (Tensor): Adapted reference feature, shape (N, C, 2H, 2W).

        Returns:
            Tensor: Shape (N, C, 2H, 2W).
        """
        both = (refine(lr, ref) for refine in (self.refine_ref, self.refine_lr))
        return F.relu(self.merge(both), inplace=True)

    def refine_ref(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Return the reference feature with refined details (Eq. 12), shape (N, C, 2H, 2W)."""
        if self.ref_branch is None:
            return ref
        residual = F.relu(self.ref_branch.down(ref), inplace=True) - lr
        return F.relu(self.ref_branch.up(residual), inplace=True) + ref

    def refine_lr(self, lr: Tensor, ref: Tensor) -> Tensor:
        """Return the LR feature, enlarged, with refined details (Eq. 13), shape (N, C, 2H, 2W)."""
        if self.lr_branch is None:
            return upsample(lr)
        coarse = F.relu(self.lr_branch.down(ref), inplace=True)
        # lr + (lr - coarse), in one operation
        return F.relu(self.lr_branch.up(torch.lerp(coarse, lr, 2.0)), inplace=True)
