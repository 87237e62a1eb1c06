"""The first signal is remembered, a second Ctrl-C is not; workers outlive both."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator

import pytest

from masasr_mm.engine.resume.stop import StopOnSignalHook, outlive_stop_signals


@pytest.fixture
def hook() -> Iterator[StopOnSignalHook]:
    hook = StopOnSignalHook()
    hook.before_train(None)
    yield hook
    hook.after_train(None)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_the_first_is_remembered_and_a_second_ctrl_c_leaves(hook, number, capfd):
    signal.raise_signal(number)
    signal.raise_signal(signal.SIGTERM)
    assert hook._agree() == number
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    said = capfd.readouterr().err
    assert said.count('Ctrl-C again leaves at once') == (number == signal.SIGINT)


def test_forked_processes_outlive_them_only_meanwhile(hook):
    def survives() -> bool:
        if (child := os.fork()) == 0:
            try:
                for number in (signal.SIGTERM, signal.SIGINT):
                    os.kill(os.getpid(), number)
                time.sleep(0.2)
            except BaseException:
                os._exit(1)  # it must not go on as a second pytest
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    assert survives()
    hook.after_train(None)
    assert not survives()


def _work() -> None:
    outlive_stop_signals()
    time.sleep(60)


def _leave_a_worker_behind() -> None:
    multiprocessing.get_context('fork').Process(target=_work, daemon=True).start()
    time.sleep(0.3)


def test_the_parent_can_end_a_worker():
    process = multiprocessing.get_context('fork').Process(target=_leave_a_worker_behind)
    process.start()
    process.join(10)
    alive = process.is_alive()
    process.kill()
    assert not alive
    assert process.exitcode == 0
