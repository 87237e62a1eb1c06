"""A network that waits, and waiting for what other threads do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def blocked(network: nn.Module) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let a network stop at its first layer until it is released; tell when it has started."""
    started, released = threading.Event(), threading.Event()

    def block(module: nn.Module, inputs: tuple) -> None:
        started.set()
        assert released.wait(120)

    hooks = [part.register_forward_pre_hook(block) for part in (network, network.encoder)]
    try:
        yield started, released
    finally:
        released.set()
        for hook in hooks:
            hook.remove()
