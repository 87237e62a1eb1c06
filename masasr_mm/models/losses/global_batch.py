"""The batch of all processes together, where a discriminator looks at more than one image."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F


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
    """Return the rows of all processes, in the order of their ranks, with their gradients.

    A loss that is a mean over the result has, in every process, the gradients of the whole batch
    once ``DistributedDataParallel`` has averaged them.

    Args:
        tensor (Tensor): Rows of this process, shape (N, ...), with the same N in all processes.

    Returns:
        Tensor: Shape (N · processes, ...); ``tensor`` itself in a single process.
    """
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
        """Normalise a feature.

        Args:
            feature (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: The same shape.
        """
        processes = get_world_size()
        if processes == 1 or not self.training:
            return super().forward(feature)
        # Statistics in half precision would overflow.
        values = feature.to(torch.promote_types(feature.dtype, torch.float32))
        mean = _Sum.apply(values.mean((0, 2, 3))) / processes
        centered = values - mean[:, None, None]
        variance = _Sum.apply(centered.square().mean((0, 2, 3))) / processes
        self._update_running(mean, variance, processes * feature[:, 0].numel())
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalized = centered * scale[:, None, None] + self.bias[:, None, None]
        return normalized.to(feature.dtype)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics towards those of the batch, as ``BatchNorm2d`` does."""
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / max(count - 1, 1), self.momentum)


def use_global_batch(module: nn.Module) -> None:
    """Replace the children of a module that are ``BatchNorm2d`` by :class:`GlobalBatchNorm2d`.

    Args:
        module (nn.Module): The module; the names of its weights stay.
    """
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            norm = GlobalBatchNorm2d(child.num_features, eps=child.eps, momentum=child.momentum)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, norm.to(child.weight).train(child.training))
