"""MDSR (Lim et al., CVPRW 2017), Sec. 3.3: EDSR with its own first blocks for each scale."""

from __future__ import annotations

from mmagic.models.editors.edsr import EDSRNet
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F


class WideResidualBlock(nn.Module):
    """A residual block with 5×5 kernels, for a large receptive field early on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=5, padding=2)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=5, padding=2)

    def forward(self, feature: Tensor) -> Tensor:
        """Refine a feature, shape (N, C, H, W)."""
        return feature + self.conv2(F.relu(self.conv1(feature)))


@MODELS.register_module()
class MDSRNet(EDSRNet):
    """The branch of MDSR for one scale: two residual blocks of 5×5, then EDSR's network.

    MDSR learns ×2, ×3 and ×4 together; its middle is common to them, and what comes before and
    after is there for each scale. Where one scale is trained, the rest would never be used.

    Args:
        num_blocks (int): Residual blocks in the middle. Default: 80, the paper's.
        mid_channels (int): Channels of all features. Default: 64.
        upscale_factor (int): The scale. Default: 4.
    """

    def __init__(
        self, num_blocks: int = 80, mid_channels: int = 64, upscale_factor: int = 4
    ) -> None:
        super().__init__(
            in_channels=3,
            out_channels=3,
            mid_channels=mid_channels,
            num_blocks=num_blocks,
            upscale_factor=upscale_factor,
        )
        self.conv_first = nn.Sequential(
            self.conv_first, WideResidualBlock(mid_channels), WideResidualBlock(mid_channels)
        )
