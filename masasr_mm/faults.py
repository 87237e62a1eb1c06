"""Faults of the machine that Python tells in many lines, told in one."""

from __future__ import annotations

import errno
import re
import traceback

FAULTS = {
    errno.ENOSPC: 'no space is left there; free some, or choose another folder',
    errno.EDQUOT: 'the quota is used up; free some space, or choose another folder',
    errno.EFBIG: 'the file grows beyond the limit that is set for files (ulimit -f)',
    errno.EROFS: 'it can only be read there; choose another folder',
    errno.EACCES: 'the permission is missing',
    errno.EPERM: 'it is not permitted',
    errno.ENOTDIR: 'a part of the path is a file, no folder',
    errno.EIO: 'the disk or network fails',
    errno.ESTALE: 'the network disk has lost it',
}
"""What is said of an error number of the operating system; of the others Python's text is best."""
DEAD_WORKER = re.compile(r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (.+)')
TAKEOVER = 'torch.multiprocessing.reductions'
"""The module in which a process takes a tensor that another one hands over."""


def explain(error: BaseException) -> str | None:
    """Return one line on a fault of the disk, or of a process that loads data.

    Args:
        error (BaseException): What a command ended with.

    Returns:
        str | None: The line; None where the error is no such fault, but perhaps one of the code.
    """
    if isinstance(error, OSError) and error.errno in FAULTS:
        where = error.filename or 'a file could not be written'
        return f'{where}: {error.strerror}: {FAULTS[error.errno]}'
    end = _death_of_a_loader_process(error)
    if end is None:
        return None
    return (
        f'a process that loads data {end}; if the memory was too small, take '
        'fewer of them (train_dataloader.num_workers); --resume goes on from the last checkpoint'
    )


def _death_of_a_loader_process(error: BaseException) -> str | None:
    if isinstance(error, RuntimeError) and (dead := DEAD_WORKER.search(str(error))):
        end = ' '.join(dead.group(2).split('. ')[0].rstrip('.').split())
        return f'({dead.group(1)}) {end}'
    if isinstance(error, (ConnectionError, EOFError, FileNotFoundError)):
        frames = traceback.walk_tb(error.__traceback__)
        if any(frame.f_globals.get('__name__') == TAKEOVER for frame, _ in frames):
            return 'ended while it handed over a batch'
    return None
