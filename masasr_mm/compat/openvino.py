"""The stack that signals are handled on, which OpenVINO (2026.4) exchanges."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DISABLED = 2  # SS_DISABLE


class _SignalStack(ctypes.Structure):
    """``stack_t`` of Linux."""

    _fields_ = (('start', ctypes.c_void_p), ('flags', ctypes.c_int), ('size', ctypes.c_size_t))


@contextmanager
def keep_signal_stack() -> Iterator[None]:
    """Put the calling thread's signal stack back after a model of OpenVINO has been compiled.

    On Linux with AMX every compiled model gives the thread a stack of its own for signals and, when
    it is freed, puts back the one before, which may be freed as well; the next signal that Python
    handles then ends the process.
    """
    if sys.platform != 'linux':
        yield
        return
    stack = _SignalStack()
    _exchange(None, stack)
    try:
        yield
    finally:
        _exchange(stack if stack.start else _SignalStack(flags=DISABLED), None)


def _exchange(new: _SignalStack | None, old: _SignalStack | None) -> None:
    """Call ``sigaltstack``."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.sigaltstack(new and ctypes.byref(new), old and ctypes.byref(old)):
        raise OSError(ctypes.get_errno(), 'sigaltstack')
