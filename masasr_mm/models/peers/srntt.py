"""SRNTT (Zhang et al., CVPR 2019): feature swapping and neural texture transfer."""

from __future__ import annotations

import torch
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import convolution, initialize, residual_blocks
from .ttsr import TextureMatching

TEXTURE_CHANNELS = (256, 128, 64)
"""Of relu3_1, relu2_1 and relu1_1."""


class TextureTransfer(nn.Module):
    """One scale of the transfer: ψ + Res(ψ ‖ M) (Eq. 4)."""

    def __init__(self, texture_channels: int, channels: int, num_blocks: int) -> None:
        super().__init__()
        self.merge = convolution(channels + texture_channels, channels)
        self.blocks = residual_blocks(channels, num_blocks)

    def forward(self, feature: Tensor, texture: Tensor) -> Tensor:
        """Add to ψ, (N, C, H, W), what its texture M, (N, texture_channels, H, W), holds."""
        merged = F.relu(self.merge(torch.cat((feature, texture), dim=1)))
        return feature + self.blocks(merged)


@MODELS.register_module()
class SRNTT(TextureMatching):
    """Content extractor, features swapped by VGG19's relu3_1, and texture transfer at three scales.

    The branch of the content extractor that makes an SR image, for a training of its own, is left
    out, and the features are those of a frozen VGG19.

    Args:
        channels (int): Channels of the content's features. Default: 64.
        num_blocks (int): Residual blocks of the content extractor, and of each scale. Default: 16.
        vgg_weights (str, optional): As for :class:`TextureMatching`. Default: None.
        init_cfg (dict, optional): mmengine's initialisation config.
    """

    def __init__(
        self,
        channels: int = 64,
        num_blocks: int = 16,
        vgg_weights: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(False, vgg_weights, init_cfg)
        self.content = nn.Sequential(
            convolution(3, channels),
            nn.ReLU(inplace=True),
            residual_blocks(channels, num_blocks),
        )
        self.transfers = nn.ModuleList(
            TextureTransfer(count, channels, num_blocks) for count in TEXTURE_CHANNELS
        )
        self.enlargements = nn.ModuleList(
            nn.Sequential(
                convolution(channels, 4 * channels), nn.PixelShuffle(2), nn.ReLU(inplace=True)
            )
            for _ in TEXTURE_CHANNELS[1:]
        )
        self.to_image = nn.Sequential(
            convolution(channels, channels // 2),
            nn.ReLU(inplace=True),
            convolution(channels // 2, 3),
        )
        for part in (self.content, self.transfers, self.enlargements, self.to_image):
            initialize(part)

    def swap(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> list[Tensor]:
        """Swap the LR's features for the most similar patches of the reference (Eq. 1–3).

        Returns M of relu3_1, relu2_1 and relu1_1 as :meth:`match` does, but averaged over as many
        patches as there are, of which a border has fewer than nine.
        """
        _, textures = self.match(lq, ref, ref_down)
        ones = torch.ones_like(lq[:1, :1])
        patches = F.unfold(ones, kernel_size=3, padding=1)
        share = F.fold(torch.ones_like(patches), ones.shape[2:], kernel_size=3, padding=1) / 9
        return [
            texture / F.interpolate(share, size=texture.shape[2:], mode='nearest')
            for texture in textures
        ]

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> Tensor:
        """Super-resolve ``lq`` with the texture of ``ref``, as all :class:`PeerNetwork` do."""
        feature = self.content(lq)
        textures = self.swap(lq, ref, ref_down)
        for index, (transfer, texture) in enumerate(zip(self.transfers, textures)):
            if index:
                feature = self.enlargements[index - 1](feature)
            feature = transfer(feature, texture)
        return self.to_image(feature)
