"""What options of commands may be: read, or refused with what would be right."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from ..photos.postprocessing import FinalSize


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number, for ``add_argument(type=…)``.

    Args:
        least (int): The lowest that is taken.
        most (int, optional): The highest. Default: None, there is no such.

    Returns:
        Callable[[str], int]: Raises ``argparse.ArgumentTypeError`` for other text.
    """
    to = '' if most is None else f' to {most}'

    def read(text: str) -> int:
        if not text.isdigit() or int(text) < least or (most is not None and int(text) > most):
            raise argparse.ArgumentTypeError(f'{text} is not a whole number from {least}{to}')
        return int(text)

    return read


def number(least: float, most: float) -> Callable[[str], float]:
    """Return what reads a number, for ``add_argument(type=…)``.

    Args:
        least (float): The lowest that is taken.
        most (float): The highest.

    Returns:
        Callable[[str], float]: Raises ``argparse.ArgumentTypeError`` for other text.
    """

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float('nan')
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f'{text} is not a number from {least:g} to {most:g}')
        return value

    return read


def tile(text: str) -> int | str | None:
    """Read ``--tile``.

    Args:
        text (str): ``auto``, ``none`` or a number of LR pixels.

    Returns:
        int | str | None: As ``tile`` in ``test_cfg``.

    Raises:
        argparse.ArgumentTypeError: For other text.
    """
    if text in ('auto', 'none'):
        return None if text == 'none' else text
    if not text.isdigit() or int(text) < 8:
        raise argparse.ArgumentTypeError(f'{text} is not auto, none or a whole number from 8')
    return int(text)


def quality(text: str) -> int | str:
    """Read ``--quality``: a whole number from 1 to 100, or ``lossless``."""
    return text if text == 'lossless' else whole_number(1, 100)(text)


def final_size(text: str) -> FinalSize:
    """Read what ``--outscale`` says.

    Args:
        text (str): A number of times such as ``2``, ``x3`` or ``2.5``, or a width such as
            ``1920px``.

    Returns:
        FinalSize: The same.

    Raises:
        argparse.ArgumentTypeError: If it is neither.
    """
    if found := re.fullmatch(r'([1-9]\d*)px', text):
        return FinalSize(width=int(found[1]))
    found = re.fullmatch(r'[x×]?(\d+(?:\.\d+)?)', text)
    if not found or not 0 < float(found[1]) <= 64:
        raise argparse.ArgumentTypeError(
            f'{text} is neither a number of times, such as 2 or 2.5, nor a width, such as 1920px'
        )
    return FinalSize(times=float(found[1]))
