"""How weights are updated: mixed precision without a loss scaler, and a learning rate schedule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmagic.registry import OPTIM_WRAPPERS, PARAM_SCHEDULERS
from mmengine.optim import CosineAnnealingLR, OptimWrapper
from torch import nn


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """An optimizer wrapper whose forward pass runs under autocast to bfloat16, on any device.

    bfloat16 has the range of float32, so that no gradient vanishes and no loss need be scaled;
    mmengine's ``AmpOptimWrapper``, which scales, works on GPUs alone. Weights, their gradients and
    the optimizer stay in float32.

    Args:
        **kwargs: As for mmengine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass of a model under autocast."""
        device: Any = self.optimizer.param_groups[0]['params'][0].device
        with super().optim_context(model), torch.autocast(device.type, torch.bfloat16):
            yield


@PARAM_SCHEDULERS.register_module()
class HalfCosineAnnealingLR(CosineAnnealingLR):
    """The first half of a cosine annealing, as released: at the end the rate is half of the first.

    Args:
        optimizer (Optimizer | BaseOptimWrapper): Whose learning rate is annealed.
        end (int): Where the training ends; mmengine's Runner gives its length.
        **kwargs: As for mmengine's ``CosineAnnealingLR``, but for ``T_max``, which is twice the
            length.
    """

    def __init__(self, optimizer: Any, *, end: int, **kwargs: Any) -> None:
        super().__init__(optimizer, T_max=2 * (end - kwargs.get('begin', 0)), end=end, **kwargs)
