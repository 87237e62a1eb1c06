"""Mistakes that a user can mend, told in one line."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable

from .faults import explain


class UserError(Exception):
    """A user's mistake: its message is one line that says what is wrong, where, and what to do.

    Code that reads a user's files, options or configs raises it; the command line tools print it
    without a traceback.
    """


class BrokenFileError(UserError):
    """One image file of many that cannot be read; a data set may be told to pass over it."""


def one_line(error: UserError) -> str:
    """Return the message of ``error`` without what a data loader's worker process wraps around it.

    Args:
        error (UserError): The error as it was caught, perhaps raised again by ``DataLoader``.

    Returns:
        str: The message, one line.
    """
    last = (str(error).strip() or type(error).__name__).splitlines()[-1]
    marker = f'{type(error).__name__}: '
    return last.split(marker, 1)[1] if marker in last else last


def exit_with_user_errors(main: Callable[[], int | None]) -> None:
    """Run the ``main`` of a command line tool and leave the process with its exit status.

    Args:
        main (Callable): The tool; returns an exit status or ``None`` for success.

    A :class:`UserError`, or a fault of the machine that :func:`masasr_mm.faults.explain` knows, is
    printed to standard error as one line and gives exit status 2, an interruption by the keyboard
    gives 130.
    """
    for stream in (sys.stdout, sys.stderr):
        # A console or file of Windows may have no letter such as →.
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='replace')
    raise_exceptions = logging.raiseExceptions
    # A disk that is full is told once, at the end, and not at every line of the log.
    logging.raiseExceptions = False
    try:
        status = main()
    except UserError as error:
        print(f'error: {one_line(error)}', file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        status = 130
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        if hasattr(signal, 'SIGCHLD'):
            # torch's handler raises, wherever the program is, when the death of a loader process
            # is told late; that death has been told already.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        print(f'error: {line}', file=sys.stderr)
        status = 2
    finally:
        logging.raiseExceptions = raise_exceptions
    sys.exit(status)
