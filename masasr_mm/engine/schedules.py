"""Learning rate schedules."""

from __future__ import annotations

from typing import Any

from mmagic.registry import PARAM_SCHEDULERS
from mmengine.optim import CosineAnnealingLR


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
