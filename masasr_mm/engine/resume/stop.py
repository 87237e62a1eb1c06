"""Ends a training in good order when the machine is taken away or somebody presses Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

import torch
from mmagic.registry import HOOKS
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from .data import outlive_stop_signals
from .loop import ResumableTrainLoop, ValidationStopped

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@HOOKS.register_module()
class StopOnSignalHook(Hook):
    """Stop a training after the running iteration on SIGTERM and SIGINT, in all processes together.

    :class:`WholeCheckpointHook`, which comes later in the order of hooks, then saves. The process
    ends with one line and exit status 128 + number of the signal: 143 for SIGTERM, 130 for Ctrl-C.
    A validation is broken off, and repeated when the run goes on. A second Ctrl-C leaves at once.
    """

    priority = 'LOW'
    _is_listening = False  # in this process

    def __init__(self) -> None:
        self._received = self._agreed = 0
        self._previous: dict = {}  # what the signals meant before

    def before_train(self, runner: Runner) -> None:
        """Begin to listen, in the main thread; elsewhere Python handles no signals."""
        self._agreed = 0
        if threading.current_thread() is threading.main_thread() and not self._previous:
            self._previous = {number: signal.signal(number, self._receive) for number in SIGNALS}
            StopOnSignalHook._is_listening = True

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Let this iteration be the last one if any process has been asked to stop."""
        if self._agree():
            runner.train_loop.stop_training = True

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Break off the validation if any process has been asked to stop."""
        # While it listens, this validation is part of a training.
        can_stop = self._previous and isinstance(runner.train_loop, ResumableTrainLoop)
        if can_stop and self._agree():
            raise ValidationStopped

    def after_train(self, runner: Runner) -> None:
        """Listen no longer."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
        StopOnSignalHook._is_listening = False

    def after_failed_train(self, runner: Runner) -> None:
        """Listen no longer, where :class:`ResumableTrainLoop` is ended by an error."""
        self.after_train(runner)

    def after_run(self, runner: Runner) -> None:
        """End the process if the training was stopped."""
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
        received = torch.tensor(self._received)
        all_reduce(received, 'max')
        self._agreed = int(received)
        return self._agreed

    def _receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal, which may come at any point of the program."""
        if self._received and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self._received and number == signal.SIGINT and is_main_process():
            # print may be what the signal has interrupted
            os.write(2, b'stopping after this iteration; Ctrl-C again leaves at once\n')
        self._received = self._received or number


def _in_forked_process() -> None:
    """Let what is forked meanwhile, such as the workers of data loaders, outlive the signals."""
    if StopOnSignalHook._is_listening:
        outlive_stop_signals()


if hasattr(os, 'register_at_fork'):  # Windows does not fork
    os.register_at_fork(after_in_child=_in_forked_process)
