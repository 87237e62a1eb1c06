"""Memory that is freed and taken again at once, as by every layer of a network on the CPU."""

from __future__ import annotations

import ctypes
import os
import platform

#: Parameters of glibc's ``mallopt``, from its malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
#: Of a block that stays with the process, in bytes: the features of tiles and of small photos do,
#: those of large ones, which would leave large holes, do not.
LARGEST = 2**28
NEVER = 2**31 - 1
#: With one of these a user has tuned malloc; that is left as it is.
VARIABLES = ('MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_', 'GLIBC_TUNABLES')


def keep_freed_memory() -> bool:
    """Let this process keep the memory of large tensors that it frees, for those that follow.

    glibc gives every block above 32 MB back to the system when it is freed, and the next block of
    that size comes as pages that are cleared one by one, on a CPU a good part of the time of a
    network whose every feature is such a block. Here blocks of up to 256 MB stay with the process
    until it ends, some of them unused between others: that adds up to a half to the peak
    (docs/performance.md). So this is for programs, not for importing; the command line tools call
    it.

    Returns:
        bool: Whether it is so now; ``False`` with another C library than glibc, or where
        environment variables tune malloc already.
    """
    if platform.libc_ver()[0] != 'glibc' or any(name in os.environ for name in VARIABLES):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, NEVER))
