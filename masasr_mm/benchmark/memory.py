"""Measuring memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

STATUS = Path('/proc/self/status')
RESET_PEAK = (Path('/proc/self/clear_refs'), '5')
"""Linux forgets the greatest size that a process had when this is written."""


def added_peak_memory(work: Callable[[], object], device: torch.device) -> int | None:
    """Return how much memory a piece of work adds, at its peak, to what is there when it begins.

    On a CPU this is the memory of the whole process. What earlier work has freed may not have gone
    back to the system, and would be missing here: let it be the first work of a fresh process.

    Args:
        work (Callable): The work; what it returns is dropped.
        device (torch.device): Where the work is done: a CUDA device, or anything else for the
            main memory.

    Returns:
        int | None: Bytes; None where the system does not tell (main memory outside of Linux).
    """
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    try:
        RESET_PEAK[0].write_text(RESET_PEAK[1])
        before = _process_size('VmRSS')
    except OSError:
        work()
        return None
    work()
    return max(0, _process_size('VmHWM') - before)


def _process_size(field: str) -> int:
    """Return a size that Linux tells of this process, in bytes."""
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(':')
        if name == field:
            return int(value.split()[0]) * 1024
    raise OSError(f'{STATUS} has no {field}')
