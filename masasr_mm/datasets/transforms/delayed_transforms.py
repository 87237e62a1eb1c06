"""Augmentations that begin late in the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose


@TRANSFORMS.register_module()
class DelayedTransforms(BaseTransform):
    """Apply transforms only after a share of the training.

    The released training flips and rotates only after its first 30 of 250 epochs, "to warm up the
    encoder". :class:`ResumableTrainLoop` says how far the training is; without it they always
    apply.

    Args:
        transforms (Sequence[dict | Callable]): The transforms, or their configs.
        begin (float): The share of the training that passes before, in [0, 1].
    """

    def __init__(self, transforms: Sequence[dict | Callable], begin: float) -> None:
        built = [TRANSFORMS.build(item) if isinstance(item, dict) else item for item in transforms]
        self.transforms = Compose(built)
        self.begin = begin
        self.progress = 1.0
        """The share of the training that passes before the next sample is used."""

    def transform(self, results: dict) -> dict | None:
        """Apply the transforms, or do nothing before their time.

        Args:
            results (dict): Results as the transforms need them.

        Returns:
            dict | None: What the last transform returns.
        """
        return results if self.progress < self.begin else self.transforms(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(begin={self.begin}, transforms={self.transforms})'


def find_delayed_transforms(owner: Any) -> Iterator[DelayedTransforms]:
    """Yield every DelayedTransforms of a dataset, in wrappers and nested transforms too."""
    if isinstance(owner, (list, tuple)):
        for item in owner:
            yield from find_delayed_transforms(item)
        return
    if isinstance(owner, DelayedTransforms):
        yield owner
    for name in ('datasets', 'dataset', 'pipeline', 'transforms'):
        yield from find_delayed_transforms(getattr(owner, name, ()))
