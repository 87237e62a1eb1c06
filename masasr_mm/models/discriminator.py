"""The discriminator of the adversarial loss (Eq. 16–17), ESRGAN's for any multiple of 32."""

from __future__ import annotations

import torch
from mmagic.models.editors.srgan import ModifiedVGG
from mmagic.registry import MODELS
from mmengine.dist import all_reduce, get_rank, get_world_size
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

STRIDE = 32


@MODELS.register_module()
class MASADiscriminator(ModifiedVGG):
    """VGG-style discriminator, as ESRGAN's but for any multiple of 32 (Sec. 4.2).

    While it is trained in several processes it looks at their batches as one, in its batch
    normalisation and in what it returns: Eq. 16–17 compare with the mean over the whole batch.

    Args:
        in_channels (int): Channels of the image. Default: 3.
        mid_channels (int): Channels after the first convolution. Default: 64.
        in_size (int): Height and width of the images, a multiple of 32. Default: 160.

    Raises:
        ValueError: If ``in_size`` is no multiple of 32.
    """

    def __init__(self, in_channels: int = 3, mid_channels: int = 64, in_size: int = 160) -> None:
        if in_size <= 0 or in_size % STRIDE:
            raise ValueError(f'in_size must be a positive multiple of {STRIDE}, not {in_size}')
        super().__init__(in_channels, mid_channels)
        use_global_batch(self)
        self.in_size = in_size
        cells = (in_size // STRIDE) ** 2
        self.linear1 = nn.Linear(mid_channels * 8 * cells, self.linear2.in_features)

    def forward(self, image: Tensor) -> Tensor:
        """Score images.

        Args:
            image (Tensor): Shape (N, in_channels, in_size, in_size), RGB in [0, 1].

        Returns:
            Tensor: Logits, higher for real images, shape (N, 1); in training, with N · processes
            rows, those of all processes.

        Raises:
            ValueError: If the images have another size.
        """
        if tuple(image.shape[2:]) != (self.in_size, self.in_size):
            raise ValueError(
                f'the discriminator was built for images of {self.in_size}×{self.in_size} '
                f'(in_size) but got {image.shape[2]}×{image.shape[3]}'
            )
        feature = self.lrelu(self.conv0_0(image))
        feature = self.lrelu(self.bn0_1(self.conv0_1(feature)))
        for stage in range(1, 5):
            for layer in (f'{stage}_0', f'{stage}_1'):
                convolution = getattr(self, f'conv{layer}')
                norm = getattr(self, f'bn{layer}')
                feature = self.lrelu(norm(convolution(feature)))
        logits = self.linear2(self.lrelu(self.linear1(feature.flatten(1))))
        return gather_batch(logits) if self.training else logits


class _Sum(Function):
    """Sum over processes; its gradient is the sum of the gradients over processes."""

    @staticmethod
    def forward(ctx, tensor: Tensor) -> Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)


def gather_batch(tensor: Tensor) -> Tensor:
    """Return the rows of all processes (N · processes, ...) in rank order, with their gradients."""
    processes, rank = get_world_size(), get_rank()
    if processes == 1:
        return tensor
    count = len(tensor)
    place = (0, 0) * (tensor.dim() - 1) + (rank * count, (processes - 1 - rank) * count)
    return _Sum.apply(F.pad(tensor, place))


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the batch of all processes, on the CPU as well.

    torch's ``SyncBatchNorm`` does the same, but only on accelerators. In a single process, and in
    evaluation, it is ``BatchNorm2d``. The processes must have batches of one size.
    """

    def forward(self, feature: Tensor) -> Tensor:
        """Normalise a feature (N, C, H, W) over the batch of all processes."""
        processes = get_world_size()
        if processes == 1 or not self.training:
            return super().forward(feature)
        # Statistics in half precision would overflow.
        values = feature.to(torch.promote_types(feature.dtype, torch.float32))
        mean = _Sum.apply(values.mean((0, 2, 3))) / processes
        centered = values - mean[:, None, None]
        variance = _Sum.apply(centered.square().mean((0, 2, 3))) / processes
        with torch.no_grad():
            count = processes * feature[:, 0].numel()
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / max(count - 1, 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalized = centered * scale[:, None, None] + self.bias[:, None, None]
        return normalized.to(feature.dtype)


def use_global_batch(module: nn.Module) -> None:
    """Replace a module's ``BatchNorm2d`` children by :class:`GlobalBatchNorm2d`, names kept."""
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            norm = GlobalBatchNorm2d(child.num_features, eps=child.eps, momentum=child.momentum)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, norm.to(child.weight).train(child.training))
