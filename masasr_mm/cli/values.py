"""What options of commands may be: read, or refused with what would be right."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from math import inf, nan

from ..photos.postprocessing import FinalSize


def whole_number(minimum: int, maximum: float = inf) -> Callable[[str], int]:
    """Return what reads a whole number from ``minimum`` on, for ``add_argument(type=…)``."""
    return number(minimum, maximum, int)


def number(
    minimum: float, maximum: float, kind: Callable[[str], float] = float
) -> Callable[[str], float]:
    """Return what reads a number between two others, for ``add_argument(type=…)``."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = nan
        if not minimum <= value <= maximum:
            what = 'whole number' if kind is int else 'number'
            to = '' if maximum == inf else f' to {maximum:g}'
            raise argparse.ArgumentTypeError(f'{text} is not a {what} from {minimum:g}{to}')
        return value

    return read


def tile(text: str) -> int | str | None:
    """Read ``--tile``, as ``test_cfg`` takes it: ``auto``, ``none`` or a number of LR pixels."""
    if text in ('auto', 'none'):
        return None if text == 'none' else text
    if not text.isdigit() or int(text) < 8:
        raise argparse.ArgumentTypeError(f'{text} is not auto, none or a whole number from 8')
    return int(text)


def quality(text: str) -> int | str:
    """Read ``--quality``: a whole number from 1 to 100, or ``lossless``."""
    return text if text == 'lossless' else whole_number(1, 100)(text)


def final_size(text: str) -> FinalSize:
    """Read ``--outscale``: a number of times such as ``2``, ``x3`` or ``2.5``, or ``1920px``."""
    if found := re.fullmatch(r'([1-9]\d*)px', text):
        return FinalSize(width=int(found[1]))
    found = re.fullmatch(r'[x×]?(\d+(?:\.\d+)?)', text)
    if not found or not 0 < float(found[1]) <= 64:
        raise argparse.ArgumentTypeError(
            f'{text} is neither a number of times, such as 2 or 2.5, nor a width, such as 1920px'
        )
    return FinalSize(times=float(found[1]))
