"""CrossNet (Zheng et al., ECCV 2018): the reference warped onto the LR at four scales.

The optical flow is FlowNetS (Dosovitskiy et al., ICCV 2015), refined to full size.
"""

from __future__ import annotations

import torch
from mmagic.models.utils import flow_warp
from mmagic.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from .network import PeerNetwork, enlarge

DOWN = (
    ((6, 64, 7, 2),),
    ((64, 128, 5, 2),),
    ((128, 256, 5, 2), (256, 256, 3, 1)),
    ((256, 512, 3, 2), (512, 512, 3, 1)),
    ((512, 512, 3, 2), (512, 512, 3, 1)),
    ((512, 1024, 3, 2),),
)
"""Nine convolutions: channels in and out, kernel and stride, each group at half the size before."""
UP = (512, 256, 128, 64, 32, 16)
"""Channels of the refinement, from 1/32 of the size to full size; FlowNetS ends at 1/4."""
DIVISOR = 2 ** len(DOWN)
NUM_FLOWS = 4
SLOPE = 0.1


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
        """Super-resolve ``lq`` with the texture of ``ref``; ``ref_down`` is not used."""
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
    """Bring (N, C, H, W) to a size at its bottom and right: cut, or the last pixels repeated."""
    image = image[..., :height, :width]
    missing = (0, width - image.shape[3], 0, height - image.shape[2])
    return F.pad(image, missing, mode='replicate') if any(missing) else image


class Refinement(nn.Module):
    """Predicts the flow from a feature, and enlarges both for the next refinement."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.to_flow = nn.Conv2d(in_channels, 2, kernel_size=3, padding=1)
        self.enlarge_flow = nn.ConvTranspose2d(2, 2, kernel_size=4, stride=2, padding=1)
        self.enlarge = nn.ConvTranspose2d(
            in_channels, out_channels, kernel_size=4, stride=2, padding=1
        )

    def forward(self, feature: Tensor, skipped: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flow, (N, 2, H, W), and the next feature, of twice the size of this one.

        ``skipped`` is the feature of that size from the way down.
        """
        flow = self.to_flow(feature)
        enlarged = F.leaky_relu(self.enlarge(feature), SLOPE)
        return flow, torch.cat((skipped, enlarged, self.enlarge_flow(flow)), dim=1)


class FlowEstimator(nn.Module):
    """FlowNetS with two more refinements, so that there is a flow at full size, too."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            nn.Sequential(*(_convolution(*layer) for layer in layers)) for layers in DOWN
        )
        skipped = [6, *(layers[-1][1] for layers in DOWN)]
        channels = skipped.pop()
        self.up = nn.ModuleList()
        for out_channels in UP:
            self.up.append(Refinement(channels, out_channels))
            channels = skipped.pop() + out_channels + 2
        self.to_flow = nn.Conv2d(channels, 2, kernel_size=3, padding=1)
        for part in self.modules():
            if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(part.weight, SLOPE)
                nn.init.zeros_(part.bias)
        for part in (*self.up, self):  # a training begins with no movement
            nn.init.zeros_(part.to_flow.weight)

    def forward(self, image: Tensor, ref: Tensor) -> list[Tensor]:
        """Estimate where in ``ref`` the parts of ``image`` are, both (N, 3, H, W), multiples of 8.

        Returns the flow at full, half, quarter and eighth size, (N, 2, H/2ⁱ, W/2ⁱ): x and y in
        pixels of that size.
        """
        height, width = image.shape[2:]
        missing = (0, -width % DIVISOR, 0, -height % DIVISOR)
        feature = F.pad(torch.cat((image, ref), dim=1), missing, mode='replicate')
        skipped = []
        for layers in self.down:
            skipped.append(feature)
            feature = layers(feature)
        flows = []
        for refine in self.up:
            flow, feature = refine(feature, skipped.pop())
            flows.append(flow)
        flows = [self.to_flow(feature), *reversed(flows)][:NUM_FLOWS]
        return [flow[..., : height >> i, : width >> i] for i, flow in enumerate(flows)]


def _convolution(in_channels: int, out_channels: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2),
        nn.LeakyReLU(SLOPE, inplace=True),
    )
