"""Numbers that go wrong in training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial

import torch
from mmagic.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn

from ...errors import UserError

COUNT = 'non_finite_steps'
"""The name of the number of skipped steps among what a checkpoint keeps."""


@HOOKS.register_module()
class NonFiniteGuard(Hook):
    """Stop at gradients or losses that are NaN or infinite, or skip the step within a budget.

    The gradients are looked at right before an optimizer uses them: at one that is not finite
    nothing is changed, neither weights nor the optimizer's moments. That costs one look of the
    host at the device for each optimizer; the losses are taken from the log, which has them
    already. A loss that is not finite though its gradients are is told after its step.

    The line names the iteration and the files of its batch (with gradient accumulation, of its
    last one). Several processes stop, or skip, together, and tell the files of the one that had
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
        """Watch every optimizer.

        Args:
            runner (Runner): The runner.
        """
        wrappers = runner.optim_wrapper
        several = isinstance(wrappers, OptimWrapperDict)
        self._wrappers = dict(wrappers.items()) if several else {'model': wrappers}
        self._handles = [
            wrapper.optimizer.register_step_pre_hook(partial(self._before_step, runner, name))
            for name, wrapper in self._wrappers.items()
        ]

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        """Keep the batch for its files' names.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Which batch it is.
            data_batch (dict, optional): The batch.
        """
        self._batch, self._troubled, self._stepped = data_batch, False, set()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Look at the losses, and mend what a skipped batch has left.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Which batch it is.
            data_batch (dict, optional): The batch.
            outputs (dict, optional): The losses.

        Raises:
            UserError: If a loss is not finite and the budget is used up.
        """
        hub = runner.message_hub
        losses = {name: hub.get_scalar(f'train/{name}').current() for name in outputs or ()}
        wrong = [f'{name} is {value}' for name, value in losses.items() if not math.isfinite(value)]
        if not self._troubled:
            trouble = self._left_to_tell(wrong)
            if _anywhere(bool(trouble)):
                told = all_gather_object((trouble, _files(self._batch)))
                self._count(runner, *next(item for item in told if item[0]))
        if wrong or self._troubled:
            _reset_running_statistics(runner.model)
        self._batch = {}

    def after_train(self, runner: Runner) -> None:
        """Tell the number of skipped steps, and watch no longer.

        Args:
            runner (Runner): The runner.
        """
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

    def _left_to_tell(self, wrong: list[str]) -> str:
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
    if get_world_size() == 1:
        return here
    found = torch.tensor(int(here))
    all_reduce(found, 'max')
    return bool(found)


def _scaler(wrapper: OptimWrapper) -> torch.amp.GradScaler | None:
    """Return the loss scaler of an optimizer, if it has one that is in use."""
    scaler = getattr(wrapper, 'loss_scaler', None)
    return scaler if scaler is not None and scaler.is_enabled() else None


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Tell whether every value is finite, with one look of the host at the device.

    Args:
        tensors (Iterable[Tensor]): Of any shapes, on one device.

    Returns:
        bool: Whether there is no NaN and no infinity.
    """
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
