"""Tells the data pipeline how far the training is."""

from __future__ import annotations

from typing import Any

from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masasr_mm.datasets.transforms import DelayedTransforms, find_delayed_transforms
from masasr_mm.errors import UserError


@HOOKS.register_module()
class AugmentationTimetableHook(Hook):
    """Set the iteration of every :class:`DelayedTransforms` of the training data.

    The released training flips and rotates only after its first 30 epochs, "to warm up the
    encoder". The iteration is set when the training starts or resumes, and after each iteration
    for the next, before its data is fetched: without workers the transforms begin exactly on
    time, with workers late by the batches that were prepared ahead; with
    :class:`ResumableTrainLoop`, whose samples bring their iteration, on time in either case.

    Raises:
        UserError: When the training starts, if its pipeline has no ``DelayedTransforms``.
    """

    def __init__(self) -> None:
        self._delayed: list[DelayedTransforms] = []

    def before_train(self, runner: Runner) -> None:
        """Find the transforms and tell them the first iteration, which a resumed run counts from.

        Args:
            runner (Runner): The runner of the training.
        """
        self._delayed = list(find_delayed_transforms(runner.train_dataloader.dataset))
        if not self._delayed:
            raise UserError(
                'AugmentationTimetableHook: the pipeline of the training data has no '
                'DelayedTransforms; add one to train_dataloader.dataset.pipeline, or remove the '
                'hook from custom_hooks'
            )
        self._set(runner.iter)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Tell the transforms the iteration that comes next.

        Args:
            runner (Runner): The runner of the training.
            batch_idx (int): Index of the batch in its epoch; not used.
            data_batch (Any): The batch; not used. Defaults to None.
            outputs (dict, optional): The losses; not used. Defaults to None.
        """
        self._set(runner.iter + 1)

    def _set(self, iteration: int) -> None:
        """Tell all transforms an iteration."""
        for delayed in self._delayed:
            delayed.iteration = iteration
