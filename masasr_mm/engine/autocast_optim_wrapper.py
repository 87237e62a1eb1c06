"""Mixed precision that needs no loss scaler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmagic.registry import OPTIM_WRAPPERS
from mmengine.optim import OptimWrapper
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
