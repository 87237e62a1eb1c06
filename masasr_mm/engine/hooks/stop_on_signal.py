"""Ends a training in good order when the machine is taken away or somebody presses Ctrl-C."""

from __future__ import annotations

import signal
from typing import Any

import torch
from mmagic.registry import HOOKS
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masasr_mm.engine.loops import ResumableTrainLoop, ValidationStopped
from masasr_mm.engine.signals import StopRequest


@HOOKS.register_module()
class StopOnSignalHook(Hook):
    """Stop a training after the running iteration on SIGTERM and SIGINT, in all processes together.

    :class:`WholeCheckpointHook`, which comes later in the order of hooks, then saves. The process
    ends with one line and exit status 128 + number of the signal: 143 for SIGTERM, 130 for Ctrl-C.
    A validation is broken off, and repeated when the run goes on. A second Ctrl-C leaves at once.
    """

    priority = 'LOW'

    def __init__(self) -> None:
        self._request = StopRequest()
        self._agreed = 0

    def before_train(self, runner: Runner) -> None:
        """Begin to listen.

        Args:
            runner (Runner): The runner of the training.
        """
        self._agreed = 0
        self._request.listen()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Let this iteration be the last one if any process has been asked to stop.

        Args:
            runner (Runner): The runner of the training.
            batch_idx (int): Index of the batch; not used.
            data_batch (Any): The batch; not used. Default: None.
            outputs (dict, optional): The losses; not used. Default: None.
        """
        if self._agree():
            runner.train_loop.stop_training = True

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Break off the validation if any process has been asked to stop.

        Args:
            runner (Runner): The runner of the training.
            batch_idx (int): Index of the batch; not used.
            data_batch (Any): The batch; not used. Default: None.
            outputs (Any): The predictions; not used. Default: None.

        Raises:
            ValidationStopped: To the training loop.
        """
        # While it listens, this validation is part of a training.
        can_stop = self._request.is_listening and isinstance(runner.train_loop, ResumableTrainLoop)
        if can_stop and self._agree():
            raise ValidationStopped

    def after_train(self, runner: Runner) -> None:
        """Listen no longer.

        Args:
            runner (Runner): The runner of the training.
        """
        self._request.close()

    def after_failed_train(self, runner: Runner) -> None:
        """Listen no longer, where :class:`ResumableTrainLoop` is ended by an error.

        Args:
            runner (Runner): The runner of the training.
        """
        self._request.close()

    def after_run(self, runner: Runner) -> None:
        """End the process if the training was stopped.

        Args:
            runner (Runner): The runner of the training.

        Raises:
            SystemExit: With the status that tells the signal.
        """
        if not self._agreed:
            return
        if is_main_process():
            print(
                f'stopped by {signal.Signals(self._agreed).name} after iteration {runner.iter} of '
                f'{runner.max_iters}, saved in {runner.message_hub.get_info("last_ckpt")}; '
                '--resume goes on from there',
                flush=True,
            )
        raise SystemExit(128 + self._agreed)

    def _agree(self) -> int:
        """Return the signal that any process has received, the same in all of them; 0 if none."""
        received = torch.tensor(self._request.received)
        all_reduce(received, 'max')
        self._agreed = int(received)
        return self._agreed
