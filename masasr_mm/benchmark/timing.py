"""Measuring time: of calls, and of the stages inside them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import torch

REST = 'the rest'
"""The stage of what no other stage holds."""


class Spread(NamedTuple):
    """What is told of several measurements of one thing.

    Attributes:
        minimum (float): The least.
        median (float): The one in the middle.
        maximum (float): The greatest.
    """

    minimum: float
    median: float
    maximum: float


def spread(values: Iterable[float]) -> Spread:
    """Sum up measurements.

    Args:
        values (Iterable[float]): At least one number.

    Returns:
        Spread: Minimum, median and maximum.
    """
    values = list(values)
    return Spread(min(values), statistics.median(values), max(values))


class Clock:
    """Points in time on a device; on a GPU they are events, so that measuring waits for nothing.

    Args:
        device (torch.device): Where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self.on_gpu = device.type == 'cuda'

    def mark(self) -> Any:
        """Return this point in time, for :meth:`seconds`.

        Returns:
            Any: A number, or a CUDA event.
        """
        if not self.on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def seconds(self, start: Any, stop: Any) -> float:
        """Return the time between two points; on a GPU the work up to them must be done.

        Args:
            start (Any): The earlier point.
            stop (Any): The later point.

        Returns:
            float: Seconds.
        """
        return start.elapsed_time(stop) / 1e3 if self.on_gpu else stop - start

    def wait(self) -> None:
        """Wait until all work on the device is done."""
        if self.on_gpu:
            torch.cuda.synchronize()


class StageTimer:
    """Measures a piece of work and the stages in it, each moment counted to the innermost stage.

    Args:
        clock (Clock): The clock of the device.

    Example:
        >>> timer = StageTimer(Clock(torch.device('cpu')))
        >>> with timer.whole():
        ...     with timer.stage('sum'):
        ...         total = torch.rand(99).sum()
        >>> sorted(timer.seconds())
        ['sum', 'the rest']
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._inside: list[str] = []
        self._marks: list[tuple[str, Any]] = []

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Measure what is done inside, anew.

        Yields:
            None: Nothing.
        """
        self.clock.wait()
        self._inside, self._marks = [REST], [(REST, self.clock.mark())]
        yield
        self._marks.append((REST, self.clock.mark()))
        self.clock.wait()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is done inside to a stage.

        Args:
            name (str): The stage.

        Yields:
            None: Nothing.
        """
        self._inside.append(name)
        self._marks.append((name, self.clock.mark()))
        yield
        self._inside.pop()
        self._marks.append((self._inside[-1], self.clock.mark()))

    @contextmanager
    def wrapped(self, owner: object, method: str, name: str) -> Iterator[None]:
        """Make a method of one object, of another package, a stage while inside.

        Args:
            owner (object): The object; its class stays as it is.
            method (str): Name of the method.
            name (str): The stage.

        Yields:
            None: Nothing.
        """
        original = getattr(owner, method)

        @wraps(original)
        def measured(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return original(*args, **kwargs)

        setattr(owner, method, measured)
        try:
            yield
        finally:
            delattr(owner, method)

    def seconds(self) -> dict[str, float]:
        """Return the time of every stage that there was in :meth:`whole`, in order.

        Returns:
            dict[str, float]: Seconds by name; they add up to the whole, and ``REST`` is the last.
        """
        found: dict[str, float] = {}
        for (name, start), (_, stop) in zip(self._marks, self._marks[1:]):
            found[name] = found.get(name, 0.0) + self.clock.seconds(start, stop)
        found[REST] = found.pop(REST)
        return found
