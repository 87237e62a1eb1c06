"""Products of float32 numbers that are those of float32."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...compat import precision_switches

_lock = threading.Lock()
_users = 0
_settings: list[tuple[Callable, object]] = []


@contextmanager
def exact_products() -> Iterator[None]:
    """Let convolutions and matrix products of float32 be computed in float32, for a while.

    cuDNN's convolutions take TF32 by default, of 10 bits for float32's 23, and
    ``torch.set_float32_matmul_precision`` can ask for that or for bfloat16, on the CPU, too.
    These are settings of the whole process: while any thread is in here they are exact for all,
    and when the last one leaves they are as before.

    Yields:
        None: Nothing.
    """
    global _users  # noqa: PLW0603  (so are the settings)
    with _lock:
        _users += 1
        if _users == 1:
            for get, put, exact in precision_switches():
                _settings.append((put, get()))
                put(exact)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            while not _users and _settings:
                put, before = _settings.pop()
                put(before)
