"""Augmentations that begin late in the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

_progress: ContextVar[float] = ContextVar('progress', default=1.0)


@contextmanager
def training_progress(share: float) -> Iterator[None]:
    """Prepare samples that are used after a share of the training, in [0, 1]."""
    token = _progress.set(share)
    try:
        yield
    finally:
        _progress.reset(token)


@TRANSFORMS.register_module()
class DelayedTransforms(BaseTransform):
    """Apply transforms only after a share of the training.

    The released training flips and rotates only after its first 30 of 250 epochs, "to warm up the
    encoder". :class:`ResumableTrainLoop` says for each sample how far the training is; without it
    they always apply.

    Args:
        transforms (Sequence[dict | Callable]): The transforms, or their configs.
        begin (float): The share of the training that passes before, in [0, 1].
    """

    def __init__(self, transforms: Sequence[dict | Callable], begin: float) -> None:
        built = [TRANSFORMS.build(item) if isinstance(item, dict) else item for item in transforms]
        self.transforms = Compose(built)
        self.begin = begin

    def transform(self, results: dict) -> dict | None:
        """Apply the transforms, or do nothing before their time.

        Args:
            results (dict): Results as the transforms need them.

        Returns:
            dict | None: What the last transform returns.
        """
        return results if _progress.get() < self.begin else self.transforms(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(begin={self.begin}, transforms={self.transforms})'
