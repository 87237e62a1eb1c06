"""A training that can be stopped at any iteration and goes on as if it had not been."""

from __future__ import annotations

import logging
from typing import Any

from mmagic.registry import LOOPS
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapperDict
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn

from .data import positioned, random_states, set_random_states


class ValidationStopped(Exception):  # noqa: N818  no error, as StopIteration is none
    """Ends a validation that is repeated when the training goes on."""


@LOOPS.register_module()
class ResumableTrainLoop(IterBasedTrainLoop):
    """Iteration-based training whose resumed runs equal, to the bit, one that was never stopped.

    A sample's random augmentation depends on the seed and on the sample's position in the training
    (:class:`SeededDataset`), so that workers have no state that could be lost, and any number of
    workers or processes with one global batch size sees the same samples. A resumed run starts at
    its position without reading the data before it. Validation leaves the random numbers of the
    training alone, and one that was due when the run was stopped is made up for. A run that begins
    with weights of another training (``load_from``) counts its steps from 0, for warm-ups.

    :class:`WholeCheckpointHook` stores :meth:`resume_state` in its checkpoints and hands it back;
    without it the position still follows from the iteration.

    Args:
        runner (Runner): The runner.
        dataloader (dict): Config of the dataloader, with ``sampler`` and ``batch_size``.
        max_iters (int): Iterations of the training.
        val_begin (int): The first iteration that may validate. Default: 1.
        val_interval (int): Iterations from one validation to the next. Default: 1000.
        dynamic_intervals (list[tuple[int, int]], optional): As in mmengine. Default: None.

    Raises:
        UserError: If the dataloader is no config, or has a batch sampler of its own.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: dict,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        dynamic_intervals: list[tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(
            runner,
            positioned(dataloader, max_iters),
            max_iters,
            val_begin=val_begin,
            val_interval=val_interval,
            dynamic_intervals=dynamic_intervals,
        )
        self.loaded_state: dict[str, Any] | None = None
        self._global_batch = dataloader['batch_size'] * get_world_size()
        self._position = 0
        self._states_before_validation: dict[str, Any] | None = None

    def run(self) -> nn.Module:
        """Train on; where an error ends it, hooks' ``after_failed_train`` is called."""
        try:
            self._train()
        except BaseException:
            self.runner.call_hook('after_failed_train')
            raise
        return self.runner.model

    def _train(self) -> None:
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        if self._iter > 0:
            self._go_on(self.loaded_state or {})
        else:
            self._forget_other_steps()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            data_batch = next(self.dataloader_iterator)
            self._position += self._global_batch
            self.run_iter(data_batch)
            self._validate_if_due()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')

    def resume_state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold beside mmengine's; all processes must call this.

        ``validated``: whether the validation of this iteration is done.
        """
        states = self._states_before_validation
        return dict(
            position=self._position,
            seed=self.dataloader.sampler.seed,
            validated=states is not None,
            inner_counts={name: item.inner_count for name, item in self._optim_wrappers()},
            random_states=all_gather_object(random_states() if states is None else states),
        )

    def _go_on(self, state: dict[str, Any]) -> None:
        """Bring data, optimizers and random numbers to where the checkpoint was written."""
        sampler = self.dataloader.sampler
        self._position = state.get('position', self._iter * self._global_batch)
        sampler.start_from(self._iter, self._position, state.get('seed', sampler.seed))
        self.dataloader_iterator = iter(self.dataloader)
        for name, wrapper in self._optim_wrappers():
            if name in state.get('inner_counts', {}):
                # -1: mmengine gives wrappers in a dict no last iteration
                wrapper.initialize_count_status(self.runner.model, state['inner_counts'][name], -1)
        self._decide_current_val_interval()
        self._set_random_states(state.get('random_states'))
        if not state.get('validated', True):
            self._validate_if_due()

    def _forget_other_steps(self) -> None:
        """Let an editor that counts steps, as mmagic's SRGAN and what is made of it, begin at 0."""
        editor = self.runner.model
        editor = editor.module if is_model_wrapper(editor) else editor
        if (counter := getattr(editor, 'step_counter', None)) is not None:
            counter.zero_()

    def _set_random_states(self, states: list[dict] | None) -> None:
        if states is None:
            return
        if len(states) == get_world_size():
            set_random_states(states[get_rank()])
            return
        print_log(
            f'The checkpoint is of {len(states)} processes, this run has {get_world_size()}: the '
            'samples go on where they were, random numbers of the model begin anew',
            logger='current',
            level=logging.WARNING,
        )

    def _optim_wrappers(self) -> list[tuple[str, Any]]:
        """Return the wrappers that the runner does not count for, with their names."""
        wrapper = self.runner.optim_wrapper
        return list(wrapper.items()) if isinstance(wrapper, OptimWrapperDict) else []

    def _validate_if_due(self) -> None:
        """Validate as mmengine does, but let it use no random number of the training."""
        self._decide_current_val_interval()
        due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
        if self.runner.val_loop is None or self._iter < self.val_begin or not due:
            return
        if self.stop_training:
            return
        self._states_before_validation = states = random_states()
        stopped = False
        try:
            self.runner.val_loop.run()
        except ValidationStopped:
            stopped = True
        self._states_before_validation = None
        set_random_states(states)
        if stopped:
            self.stop_training = True
            self.runner.call_hook('after_validation_stopped')
