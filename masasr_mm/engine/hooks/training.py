"""What a training shows and what goes wrong in it: progress, broken data, values not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from mmagic.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce, master_only
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.utils.data import Dataset

from ...datasets.refsr_datasets import RefSRDataset
from ...errors import UserError

COUNT = 'non_finite_steps'  # of the skipped steps, among what a checkpoint keeps
WINDOW = 20  # iterations that the loss of the bar is averaged over
SHOWN = 10  # broken files that are named


@HOOKS.register_module()
class NonFiniteGuard(Hook):
    """Stop at gradients or losses that are NaN or infinite, or skip the step within a budget.

    The gradients are looked at right before an optimizer uses them: at one that is not finite
    nothing is changed, neither weights nor the optimizer's moments. That costs one look of the
    host at the device for each optimizer; the losses are taken from the log, which has them
    already. A loss that is not finite though its gradients are is reported after its step.

    The line names the iteration and the files of its batch (with gradient accumulation, of its
    last one). Several processes stop, or skip, together, and name the files of the one that had
    the trouble, or each its own where gradients of all had it.

    Under mixed precision a step that the loss scaler skips is none of these, with whatever losses,
    as long as its scale is at least 1: below that no smaller scale will help.

    Args:
        budget (int): How many iterations of the whole training, resumed ones included, may be
            skipped. Defaults to 0: the first one stops the run.
    """

    def __init__(self, budget: int = 0) -> None:
        self.budget = budget
        self._wrappers: dict[str, OptimWrapper] = {}
        self._handles: list = []
        self._batch: dict = {}
        self._troubled = False
        self._stepped: set[str] = set()

    def before_train(self, runner: Runner) -> None:
        """Watch every optimizer."""
        wrappers = runner.optim_wrapper
        several = isinstance(wrappers, OptimWrapperDict)
        self._wrappers = dict(wrappers.items()) if several else {'model': wrappers}
        self._handles = [
            wrapper.optimizer.register_step_pre_hook(partial(self._before_step, runner, name))
            for name, wrapper in self._wrappers.items()
        ]

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        """Keep the batch for its files' names."""
        self._batch, self._troubled, self._stepped = data_batch, False, set()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Look at the losses, and mend what a skipped batch has left."""
        hub = runner.message_hub
        losses = {name: hub.get_scalar(f'train/{name}').current() for name in outputs or ()}
        wrong = [f'{name} is {value}' for name, value in losses.items() if not math.isfinite(value)]
        if not self._troubled:
            trouble = self._unreported(wrong)
            if _anywhere(bool(trouble)):
                troubles = all_gather_object((trouble, _files(self._batch)))
                self._count(runner, *next(item for item in troubles if item[0]))
        if wrong or self._troubled:
            _reset_running_statistics(runner.model)
        self._batch = {}

    def after_train(self, runner: Runner) -> None:
        """Report the number of skipped steps, and watch no longer."""
        for handle in self._handles:
            handle.remove()
        if skipped := runner.message_hub.runtime_info.get(COUNT, 0):
            runner.logger.warning(
                f'{skipped} iterations were not finite and skipped (at most {self.budget})'
            )

    def _before_step(self, runner: Runner, name: str, optimizer, args, kwargs) -> None:
        """Take the gradients away from a step that must not be made."""
        overflow = getattr(optimizer, 'found_inf', None)
        if overflow is not None:
            # A fused optimizer under a loss scaler is called all the same, and makes no step.
            self._stepped |= set() if overflow else {name}
            return
        parameters = [weight for group in optimizer.param_groups for weight in group['params']]
        finite = all_finite(weight.grad for weight in parameters if weight.grad is not None)
        if not _anywhere(not finite):
            self._stepped.add(name)
            return
        if not self._troubled:
            what = f'the gradients of the {name} are not finite'
            self._count(runner, what, _files(self._batch))
        for weight in parameters:
            weight.grad = None

    def _unreported(self, wrong: list[str]) -> str:
        """Return what is wrong in this process and no loss scaler copes with, or nothing."""
        waiting = (item for name, item in self._wrappers.items() if name not in self._stepped)
        scales = [scaler.get_scale() for item in waiting if (scaler := _scaler(item))]
        if any(scale < 1 for scale in scales):
            return f'the gradients overflow even with a loss scale of {min(scales):g}'
        if not wrong or scales:
            return ''
        return f'{wrong[0]} ({"the" if self._stepped else "no"} step was taken)'

    def _count(self, runner: Runner, what: str, files: str) -> None:
        """Count an iteration, or stop the run."""
        self._troubled = True
        count = runner.message_hub.runtime_info.get(COUNT, 0) + 1
        line = f'iteration {runner.iter + 1}: {what}; files of the batch: {files}'
        if count > self.budget:
            raise UserError(
                f'{line}; see these images, take a smaller lr or clip_grad, or allow to skip some '
                f'(default_hooks.non_finite.budget, now {self.budget})'
            )
        runner.message_hub.update_info(COUNT, count)
        runner.logger.warning(f'{line}; skipped, {count} of at most {self.budget}')


def _anywhere(here: bool) -> bool:
    """Return whether something is so in any process; all of them must call this."""
    found = torch.tensor(int(here))
    all_reduce(found, 'max')
    return bool(found)


def _scaler(wrapper: OptimWrapper) -> torch.amp.GradScaler | None:
    """Return the loss scaler of an optimizer, if it has one that is in use."""
    scaler = getattr(wrapper, 'loss_scaler', None)
    return scaler if scaler is not None and scaler.is_enabled() else None


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Return whether every value on a device is finite, with one look of the host at it."""
    largest = [torch.linalg.vector_norm(tensor, math.inf) for tensor in tensors if tensor.numel()]
    return not largest or bool(torch.stack(largest).isfinite().all())


def _files(batch: dict) -> str:
    """Return the names of the HR images of a batch."""
    samples = batch.get('data_samples', ()) if isinstance(batch, dict) else ()
    samples = samples if isinstance(samples, (list, tuple)) else [samples]
    names = [sample.metainfo.get('gt_path', '?') for sample in samples]
    return ', '.join(str(name) for name in names) or 'unknown'


def _reset_running_statistics(model: nn.Module) -> None:
    """Start running means anew that have met a value that is not finite; they never lose it."""
    for module in model.modules():
        mean = getattr(module, 'running_mean', None)
        if mean is not None and not all_finite([mean, module.running_var]):
            module.reset_running_stats()


@HOOKS.register_module()
class BrokenDataHook(Hook):
    """Report at the end of a training which items a data set has passed over.

    There are such items only where the data set was given ``max_broken``. Every process reports
    those that it has met.
    """

    def after_train(self, runner: Runner) -> None:
        """Report them."""
        for dataset in refsr_datasets(runner.train_dataloader.dataset):
            broken = dataset.broken_items()
            if broken:
                names = [item['gt_path'] for item in broken[:SHOWN]]
                more = ['…'] if len(broken) > SHOWN else []
                runner.logger.warning(
                    f'{dataset.data_root}: {len(broken)} of {len(dataset)} items could not be read '
                    f'and were passed over: {", ".join(names + more)}'
                )


def refsr_datasets(dataset: Dataset) -> Iterator[RefSRDataset]:
    """Yield the RefSR data sets in mmengine's wrappers, which concatenate or repeat them."""
    if isinstance(dataset, RefSRDataset):
        yield dataset
        return
    inside = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    for part in inside:
        if part is not None:
            yield from refsr_datasets(part)


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
        """Show the bar."""
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
        """Move the bar."""
        if 'train/loss_pix' in runner.message_hub.log_scalars:
            loss = runner.message_hub.get_scalar('train/loss_pix').mean(WINDOW)
            self._loss = f'loss {loss:.4f}'
        self._show(runner.iter + 1)

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Show the PSNR of a validation."""
        if self._progress is not None and 'PSNR' in (metrics or {}):
            self._psnr = f'PSNR {metrics["PSNR"]:.2f} dB'
            self._show(runner.iter)

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Leave the bar where it is."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def after_failed_train(self, runner: Runner) -> None:
        """Leave the bar, where :class:`ResumableTrainLoop` is ended by an error."""
        self.after_train(runner)

    def _show(self, iterations: int) -> None:
        text = ' '.join(part for part in (self._loss, self._psnr) if part)
        self._progress.update(self._task, completed=iterations, description=text)
