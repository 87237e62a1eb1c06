"""Mistakes that a user can mend, told in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(Exception):
    """A user's mistake: its message is one line that says what is wrong, where, and what to do.

    Code that reads a user's files, options or configs raises it; the command line tools print it
    without a traceback.
    """


def one_line(error: UserError) -> str:
    """Return the message of ``error`` without what a data loader's worker process wraps around it.

    Args:
        error (UserError): The error as it was caught, perhaps raised again by ``DataLoader``.

    Returns:
        str: The message, one line.
    """
    last = (str(error).strip() or type(error).__name__).splitlines()[-1]
    marker = f'{UserError.__name__}: '
    return last.split(marker, 1)[1] if marker in last else last


def exit_with_user_errors(main: Callable[[], int | None]) -> None:
    """Run the ``main`` of a command line tool and leave the process with its exit status.

    Args:
        main (Callable): The tool; returns an exit status or ``None`` for success.

    A :class:`UserError` is printed to standard error as one line and gives exit status 2,
    an interruption by the keyboard gives 130.
    """
    try:
        status = main()
    except UserError as error:
        print(f'error: {one_line(error)}', file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        status = 130
    sys.exit(status)
