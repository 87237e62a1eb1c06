"""The machine: free memory, disks, what the allocator keeps, and units for bfloat16."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from .compat import cpu_has_bfloat16_units

# Linux limits containers and batch jobs by control groups; the second file names this process's.
GROUPS, MEMBERSHIP = Path('/sys/fs/cgroup'), Path('/proc/self/cgroup')
# Parameters of glibc's mallopt, from its malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# Bytes of a block that stays with the process: the features of tiles and of small photos do, those
# of large ones, which would leave large holes, do not.
LARGEST = 2**28
NEVER = 2**31 - 1
# With one of these a user has tuned malloc; that is left as it is.
VARIABLES = ('MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_', 'GLIBC_TUNABLES')


def free_memory(device: torch.device) -> int:
    """Return how many bytes can still be taken: of a GPU, or of the main memory without swapping.

    Of a GPU what torch keeps for its next tensors counts, too; of the main memory file caches do,
    and no more than the container or batch job is allowed; processes that share a machine share it.
    """
    if device.type == 'cuda':
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    free = min([psutil.virtual_memory().available, *_left_in_groups()])
    return free // int(os.environ.get('LOCAL_WORLD_SIZE') or 1)


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


def lies_in_memory(folder: Path) -> bool:
    """Return whether a folder is on a RAM disk, whose files take memory."""
    disks = {disk.mountpoint: disk.fstype for disk in psutil.disk_partitions(all=True)}
    folder = folder.resolve()
    mounts = (str(path) for path in (folder, *folder.parents))
    return next((disks[path] for path in mounts if path in disks), '') in ('tmpfs', 'ramfs')


def folder_on_disk() -> Path:
    """Return where large temporary files go: what TMPDIR says, or /var/tmp if that is in memory."""
    folders = [Path(tempfile.gettempdir()), Path('/var/tmp')]
    writable = [folder for folder in folders if os.access(folder, os.W_OK)]
    return next((folder for folder in writable if not lies_in_memory(folder)), folders[0])


def keep_freed_memory() -> bool:
    """Let this process keep the memory of large tensors that it frees, for those that follow.

    glibc gives blocks above 32 MB back, and the next one comes as pages cleared one by one, a good
    part of the time of a network whose every feature is such a block. Blocks of up to 256 MB stay
    here, which adds up to a half to the peak (docs/performance.md), so that only programs call it.
    Returns False with another C library, or where environment variables tune malloc already.
    """
    if platform.libc_ver()[0] != 'glibc' or any(name in os.environ for name in VARIABLES):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, NEVER))


def give_freed_memory_back() -> None:
    """Give memory that the C library keeps, of what was freed, back to the system.

    What lies unused between other blocks adds up to more than what is in use, of large photos.
    """
    if platform.libc_ver()[0] == 'glibc':
        ctypes.CDLL(None).malloc_trim(0)


def held_memory(device: torch.device) -> int:
    """Return how many bytes this process holds, of a GPU or of the main memory."""
    if device.type == 'cuda':
        return torch.cuda.memory_allocated(device)
    return psutil.Process().memory_info().rss


def fastest_dtype(device: str) -> str:
    """Return the type that convolutions are fastest in without a loss that is seen."""
    on_cpu = torch.device(device).type == 'cpu'
    return 'bfloat16' if on_cpu and cpu_has_bfloat16_units() else 'float32'


def warn_of_emulation(option: str, dtype: str | None, device: str) -> None:
    """Warn on standard error if the device only emulates the type that an option asks for."""
    on_cpu = torch.device(device).type == 'cpu'
    if dtype == 'bfloat16' and on_cpu and not cpu_has_bfloat16_units():
        print(
            'warning: this CPU has no units for bfloat16 (avx512_bf16 or amx_bf16), so that '
            f'{option} bfloat16 is many times slower than float32',
            file=sys.stderr,
            flush=True,
        )
