"""How much memory is free, and where large temporary files do not take it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

GROUPS = Path('/sys/fs/cgroup')
MEMBERSHIP = Path('/proc/self/cgroup')
"""Tells the control groups of this process, by which Linux limits containers and batch jobs."""


def free_memory(device: torch.device) -> int:
    """Return how many bytes of memory can still be taken.

    Args:
        device (torch.device): A CUDA device, or anything else for the main memory, which Apple's
            mps shares.

    Returns:
        int: Bytes; of a GPU's memory also what torch keeps for its next tensors; of the main memory
        what the system can give without swapping, file caches among it, and no more than a
        container or batch job is allowed.
    """
    if device.type == 'cuda':
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    return min([psutil.virtual_memory().available, *_left_in_groups()])


def lies_in_memory(folder: Path) -> bool:
    """Return whether a folder is on a RAM disk, whose files take memory."""
    disks = {disk.mountpoint: disk.fstype for disk in psutil.disk_partitions(all=True)}
    folder = folder.resolve()
    mounts = (str(path) for path in (folder, *folder.parents))
    return next((disks[path] for path in mounts if path in disks), '') in ('tmpfs', 'ramfs')


def folder_on_disk() -> Path:
    """Return where large temporary files go: what TMPDIR says, or /var/tmp if that is in memory."""
    folders = [Path(tempfile.gettempdir()), Path('/var/tmp')]
    fit = (
        folder for folder in folders if os.access(folder, os.W_OK) and not lies_in_memory(folder)
    )
    return next(fit, folders[0])


def _left_in_groups() -> Iterator[int]:
    """Yield what the limit of each control group leaves; nothing outside of Linux."""
    try:
        lines = MEMBERSHIP.read_text(encoding='utf-8').splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(':', 2)
        if not controllers:
            base, names = GROUPS, ('memory.max', 'memory.current', 'inactive_file')
        elif 'memory' in controllers.split(','):
            base = GROUPS / 'memory'
            names = ('memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file')
        else:
            continue
        group = base / path.lstrip('/')
        # In a container the path may be the host's, whose folders are not there.
        for folder in (group, *group.parents):
            if folder.is_relative_to(base):
                yield from _left_in_group(folder, *names)


def _left_in_group(folder: Path, limit: str, usage: str, cache: str) -> Iterator[int]:
    """Yield what one control group leaves, if it has a limit."""
    try:
        allowed = int((folder / limit).read_text(encoding='utf-8'))
        used = int((folder / usage).read_text(encoding='utf-8'))
        statistics = (folder / 'memory.stat').read_text(encoding='utf-8').splitlines()
    except (OSError, ValueError):  # no such group, or 'max': no limit
        return
    cached = dict(line.split(maxsplit=1) for line in statistics).get(cache, 0)
    yield max(0, allowed - used + int(cached))
