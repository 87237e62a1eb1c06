"""Signals that ask a training to stop, such as Slurm's before it takes the machine away."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from mmengine.dist import is_main_process

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def outlive_stop_signals(worker_id: int = 0) -> None:
    """Let a worker of a data loader outlive signals that are sent to all processes of a job.

    The process that it works for still ends it, by SIGTERM or when it has no more work. On macOS
    and Windows, which do not tell who has sent a signal, SIGTERM ends it whoever sends it.

    Args:
        worker_id (int): Not used; data loaders pass it. Default: 0.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, 'sigwaitinfo'):
        # Only who waits for a signal learns who has sent it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_by_parent, daemon=True).start()


def _end_by_parent() -> None:
    """Wait until the parent process sends SIGTERM, and end this process."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)


class StopRequest:
    """Remembers the first signal that asks to stop, while it listens.

    Once it has come, Ctrl-C raises ``KeyboardInterrupt`` as ever. Processes forked meanwhile, such
    as the workers of data loaders, outlive the signals.
    """

    _listening: StopRequest | None = None

    def __init__(self) -> None:
        self.received = 0
        self._previous: dict = {}

    @property
    def is_listening(self) -> bool:
        """bool: Whether signals are being received."""
        return bool(self._previous)

    def listen(self) -> None:
        """Begin to listen, in the main thread; elsewhere Python handles no signals."""
        if threading.current_thread() is not threading.main_thread() or self.is_listening:
            return
        self._previous = {number: signal.signal(number, self._receive) for number in SIGNALS}
        StopRequest._listening = self

    def close(self) -> None:
        """Listen no longer; the signals mean again what they meant before."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
        StopRequest._listening = None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal, which may come at any point of the program."""
        if self.received and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.received and number == signal.SIGINT and is_main_process():
            # print may be what the signal has interrupted
            os.write(2, b'stopping after this iteration; Ctrl-C again leaves at once\n')
        self.received = self.received or number


def _in_forked_process() -> None:
    if StopRequest._listening is not None:
        outlive_stop_signals()


if hasattr(os, 'register_at_fork'):  # Windows does not fork
    os.register_at_fork(after_in_child=_in_forked_process)
