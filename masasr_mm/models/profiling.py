"""The stages of the network (Fig. 2a), named as it runs, for profilers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.profiler import record_function


def stage(name: str) -> AbstractContextManager:
    """Name what the network does inside, such as ``'coarse matching'``.

    A profile that torch takes of the network shows it under this name; without one it costs some
    microseconds. In compiled, exported and traced networks it leaves nothing behind.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return nullcontext()
    return record_function(name)
