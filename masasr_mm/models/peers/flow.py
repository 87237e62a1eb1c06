"""Optical flow for CrossNet: FlowNetS (Dosovitskiy et al., ICCV 2015), refined to full size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


class Refinement(nn.Module):
    """Predicts the flow from a feature, and enlarges both for the next refinement.

    Args:
        in_channels (int): Channels of the feature.
        out_channels (int): Channels of the enlarged feature.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.to_flow = nn.Conv2d(in_channels, 2, kernel_size=3, padding=1)
        self.enlarge_flow = nn.ConvTranspose2d(2, 2, kernel_size=4, stride=2, padding=1)
        self.enlarge = nn.ConvTranspose2d(
            in_channels, out_channels, kernel_size=4, stride=2, padding=1
        )

    def forward(self, feature: Tensor, skipped: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the flow, and make the next feature.

        Args:
            feature (Tensor): Shape (N, in_channels, H, W).
            skipped (Tensor): The feature of twice the size from the way down, (N, C, 2·H, 2·W).

        Returns:
            tuple[Tensor, Tensor]: The flow, shape (N, 2, H, W), and the next feature, shape
            (N, C + out_channels + 2, 2·H, 2·W).
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
        """Estimate where in ``ref`` the parts of ``image`` are.

        Args:
            image (Tensor): Shape (N, 3, H, W), RGB in [0, 1]; H and W are multiples of 8.
            ref (Tensor): The same shape.

        Returns:
            list[Tensor]: The flow at full, half, quarter and eighth size, shapes
            (N, 2, H/2ⁱ, W/2ⁱ): x and y in pixels of that size.
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
