"""Measuring in a process whose memory nothing else has used."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from ..errors import UserError


def in_child(function: Callable, *arguments: Any, first: Callable | None = None) -> Any:
    """Call a function in a fresh process, whose memory nothing else has used.

    Args:
        function (Callable): A function of a module.
        *arguments (Any): Its arguments; they and the result are sent between the processes.
        first (Callable, optional): A function of a module, to call before. Default: None.

    Returns:
        Any: What the function returns.

    Raises:
        UserError: If the process was killed.
    """
    with ProcessPoolExecutor(1, get_context('spawn'), first) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise UserError(
                'the process that measured was killed, most likely for lack of memory; choose '
                'smaller images, or tiles (--tile 128)'
            ) from error
