"""Augmentations that begin late in the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose


@TRANSFORMS.register_module()
class DelayedTransforms(BaseTransform):
    """Apply transforms only once the training has reached an iteration.

    The current iteration lies in shared memory, so that the workers of a data loader, persistent
    ones too, see it change. :class:`AugmentationTimetableHook` sets it. Workers prepare up to
    ``num_workers * prefetch_factor`` batches ahead, and the transforms begin late by as many, but
    exactly on time with :class:`ResumableTrainLoop`, where each sample brings its iteration.

    Args:
        transforms (Sequence[dict | Callable]): The transforms, or their configs.
        begin_iter (int): The first iteration, from 0, that they are for.
    """

    def __init__(self, transforms: Sequence[dict | Callable], begin_iter: int) -> None:
        built = [TRANSFORMS.build(item) if isinstance(item, dict) else item for item in transforms]
        self.transforms = Compose(built)
        self.begin_iter = begin_iter
        self._iteration = torch.zeros((), dtype=torch.int64).share_memory_()
        self.sample_iteration: int | None = None
        """Iteration that the next sample of this process is for, where that is known."""

    @property
    def iteration(self) -> int:
        """int: The iteration that the training has reached, the same in all workers."""
        return int(self._iteration)

    @iteration.setter
    def iteration(self, value: int) -> None:
        self._iteration.fill_(value)

    def transform(self, results: dict) -> dict | None:
        """Apply the transforms, or do nothing before their time.

        Args:
            results (dict): Results as the transforms need them.

        Returns:
            dict | None: What the last transform returns.
        """
        known = self.sample_iteration
        iteration = self.iteration if known is None else known
        return results if iteration < self.begin_iter else self.transforms(results)

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        # A copy has a counter of its own, which must be shared with workers as well; one that was
        # sent to a worker is in shared memory already.
        self._iteration.share_memory_()

    def __repr__(self) -> str:
        return f'{type(self).__name__}(begin_iter={self.begin_iter}, transforms={self.transforms})'


def find_delayed_transforms(owner: Any) -> Iterator[DelayedTransforms]:
    """Yield every :class:`DelayedTransforms` of a dataset, in wrappers and nested transforms too.

    Args:
        owner (Any): A dataset, a dataset wrapper, a pipeline or a transform.

    Yields:
        DelayedTransforms: Each one that is found.
    """
    if isinstance(owner, (list, tuple)):
        for item in owner:
            yield from find_delayed_transforms(item)
        return
    if isinstance(owner, DelayedTransforms):
        yield owner
    for name in ('datasets', 'dataset', 'pipeline', 'transforms'):
        yield from find_delayed_transforms(getattr(owner, name, ()))
