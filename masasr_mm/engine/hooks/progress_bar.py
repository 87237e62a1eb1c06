"""Showing how far a training is."""

from __future__ import annotations

from typing import Any

from mmagic.registry import HOOKS
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

WINDOW = 20
"""Iterations that the loss is averaged over."""


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Show a training as one bar with the pixel loss, the PSNR of the last validation and the time.

    Where the output is no terminal, the bar is printed once, at the end.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._progress: Progress | None = None

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Show the bar.

        Args:
            runner (Runner): The runner of the training.
        """
        self._progress = Progress(
            TextColumn('training'),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn('{task.description}'),
            TimeRemainingColumn(),
            refresh_per_second=2,
        )
        self._task = self._progress.add_task('', total=runner.max_iters, completed=runner.iter)
        self._loss = self._psnr = ''
        self._progress.start()

    @master_only
    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Move the bar.

        Args:
            runner (Runner): The runner of the training.
            batch_idx (int): Index of the batch; not used.
            data_batch (Any): The batch; not used. Default: None.
            outputs (dict, optional): The losses; not used. Default: None.
        """
        if 'train/loss_pix' in runner.message_hub.log_scalars:
            loss = runner.message_hub.get_scalar('train/loss_pix').mean(WINDOW)
            self._loss = f'loss {loss:.4f}'
        self._show(runner.iter + 1)

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Show the PSNR of a validation.

        Args:
            runner (Runner): The runner of the training.
            metrics (dict[str, float], optional): Names and values.
        """
        if self._progress is not None and 'PSNR' in (metrics or {}):
            self._psnr = f'PSNR {metrics["PSNR"]:.2f} dB'
            self._show(runner.iter)

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Leave the bar where it is.

        Args:
            runner (Runner): The runner of the training.
        """
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def after_failed_train(self, runner: Runner) -> None:
        """Leave the bar, where :class:`ResumableTrainLoop` is ended by an error.

        Args:
            runner (Runner): The runner of the training.
        """
        self.after_train(runner)

    def _show(self, iterations: int) -> None:
        text = ' '.join(part for part in (self._loss, self._psnr) if part)
        self._progress.update(self._task, completed=iterations, description=text)
