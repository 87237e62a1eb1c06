"""CrossNet (Zheng et al., ECCV 2018): the reference warped onto the LR at four scales."""

from __future__ import annotations

import torch
from mmagic.models.utils import flow_warp
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from .flow import NUM_FLOWS, FlowEstimator
from .network import PeerNetwork, enlarge


@MODELS.register_module()
class CrossNet(PeerNetwork):
    """Encoder, flow and warping at four scales, and a U-Net decoder that fuses LR and reference.

    The reference must show the same view at the same scale; one of another size is cut or its
    border repeated, at the bottom and the right. The paper enlarges the LR by another network
    first, here it is done bicubically.

    Args:
        channels (int): Channels of all features. Default: 64.
        init_cfg (dict, optional): mmengine's initialisation config.
    """

    # The encoder halves the size of the SR image three times.
    size_divisor = 2

    def __init__(self, channels: int = 64, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.flow = FlowEstimator()
        self.encoder = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(3 if level == 0 else channels, channels, 5, 1 + (level > 0), padding=2),
                nn.ReLU(inplace=True),
            )
            for level in range(NUM_FLOWS)
        )
        self.decoder = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(count * channels, channels, 4, stride=2, padding=1),
                nn.ReLU(inplace=True),
            )
            for count in (2, 3, 3)
        )
        self.fusion = nn.Sequential(
            nn.Conv2d(3 * channels, channels, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, 3, 5, padding=2),
        )

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor | None = None) -> Tensor:
        """Super-resolve ``lq`` with the texture of ``ref``.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1]; h and w are multiples of
                ``size_divisor``.
            ref (Tensor): The reference, shape (N, 3, H, W), RGB in [0, 1].
            ref_down (Tensor, optional): Not used. Default: None.

        Returns:
            Tensor: The SR image, shape (N, 3, 4·h, 4·w), about [0, 1], not clipped.
        """
        image = enlarge(lq)
        ref = cut_or_repeat(ref, *image.shape[2:])
        flows = self.flow(image, ref)
        warped = [
            flow_warp(feature, flow.permute(0, 2, 3, 1), padding_mode='border')
            for feature, flow in zip(self._encode(ref), flows)
        ]
        levels = list(zip(self._encode(image), warped))
        decoded = ()
        for decode in self.decoder:
            decoded = (decode(torch.cat((*levels.pop(), *decoded), dim=1)),)
        return self.fusion(torch.cat((*levels.pop(), *decoded), dim=1))

    def _encode(self, image: Tensor) -> list[Tensor]:
        """Return the features of an image at full, half, quarter and eighth size."""
        features = [image]
        for layer in self.encoder:
            features.append(layer(features[-1]))
        return features[1:]


def cut_or_repeat(image: Tensor, height: int, width: int) -> Tensor:
    """Bring an image to a size at its bottom and right: cut, or the last pixels repeated.

    Args:
        image (Tensor): Shape (N, C, H, W).
        height (int): The height to have.
        width (int): The width to have.

    Returns:
        Tensor: Shape (N, C, height, width).
    """
    image = image[..., :height, :width]
    missing = (0, width - image.shape[3], 0, height - image.shape[2])
    return F.pad(image, missing, mode='replicate') if any(missing) else image
