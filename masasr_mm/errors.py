"""Mistakes that a user can mend, and faults of the machine, in one line each."""

from __future__ import annotations

import errno
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

FAULTS = {
    errno.ENOSPC: 'no space is left there; free some, or choose another folder',
    errno.EDQUOT: 'the quota is used up; free some space, or choose another folder',
    errno.EFBIG: 'the file grows beyond the limit that is set for files (ulimit -f)',
    errno.EROFS: 'it can only be read there; choose another folder',
    errno.EACCES: 'the permission is missing',
    errno.EPERM: 'it is not permitted',
    errno.ENOTDIR: 'a part of the path is a file, not a folder',
    errno.ENAMETOOLONG: 'take a shorter name',
    errno.EIO: 'the disk or network fails',
    errno.ESTALE: 'the network disk has lost it',
}
"""What to say of an error number of the operating system; of the others Python's text is best."""
DEAD_WORKER = re.compile(r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (.+)')
NOT_SHOWN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
"""Line breaks, other control characters, and bytes that are not text: file names may have them."""
TAKEOVER = 'torch.multiprocessing.reductions'
"""The module in which a process takes a tensor that another one hands over."""


class UserError(Exception):
    """A user's mistake: its message is one line that says what is wrong, where, and what to do.

    Code that reads a user's files, options or configs raises it; the command line tools print it
    without a traceback.
    """


class BrokenFileError(UserError):
    """One image file of many that cannot be read; a data set may be told to pass over it."""


def one_line(error: UserError) -> str:
    """Return the message of an error without what a data loader's worker wraps around it."""
    text = str(error).strip() or type(error).__name__
    if text.startswith('Caught '):
        text = text.rsplit(f'{type(error).__name__}: ', 1)[-1]
    return escaped(text)


def escaped(text: str) -> str:
    """Return text in one line that can be shown: what cannot is written as Python writes it."""
    return NOT_SHOWN.sub(lambda found: repr(found[0])[1:-1], text)


def tell(line: str, file: TextIO | None = None) -> None:
    """Print a line, by default to standard output; go on where nobody reads it any more."""
    try:
        print(escaped(line), file=file, flush=True)
    except BrokenPipeError:
        _drop_unread()


def _drop_unread() -> None:
    """Send to nowhere what is printed to a closed pipe."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def explain(error: BaseException) -> str | None:
    """Return one line on a fault of a disk or of a process that loads data; None for others."""
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


def exit_with_user_errors(main: Callable[[], int | None]) -> None:
    """Run the ``main`` of a command and leave the process with its exit status.

    A :class:`UserError`, or a fault that :func:`explain` knows, is printed to standard error as
    one line and gives exit status 2, an interruption by the keyboard gives 130.
    """
    for name in ('stdout', 'stderr'):
        stream = getattr(sys, name)
        if stream is None:  # closed, as by >&-
            setattr(sys, name, open(os.devnull, 'w'))  # noqa: SIM115
        # A console or file of Windows may have no letter such as →.
        elif hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='replace')
    raise_exceptions = logging.raiseExceptions
    # A full disk is reported once, at the end, and not at every line of the log.
    logging.raiseExceptions = False
    try:
        status = main()
    except UserError as error:
        tell(f'error: {one_line(error)}', sys.stderr)
        status = 2
    except KeyboardInterrupt:
        tell('interrupted', sys.stderr)
        status = 130
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        if hasattr(signal, 'SIGCHLD'):
            # torch's handler raises, wherever the program is, when the death of a loader process
            # is reported late; here it is reported already.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        tell(f'error: {line}', sys.stderr)
        status = 2
    finally:
        with suppress(OSError):
            _drop_unread()
        logging.raiseExceptions = raise_exceptions
    sys.exit(status)
