"""Tables of what the benchmark measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.box import SIMPLE
from rich.table import Table

from .rows import Row, growing_pixels, stage_names
from .timing import Spread

GIB = 2**30


def comparison_table(rows: Sequence[Row], yardstick: Spread) -> Table:
    """Compare variants of one case; ratios are to the first one.

    Args:
        rows (Sequence[Row]): The case in every variant.
        yardstick (Spread): Seconds of the eight convolutions.

    Returns:
        Table: A row for each variant.
    """
    table = Table('variant', box=SIMPLE, title=f'{rows[0].section}: {rows[0].images} (seconds)')
    for column in ('first', 'min', 'median', 'max', 'yardsticks', 'ratio', 'added GiB', 'ratio'):
        table.add_column(column, justify='right')
    for row in rows:
        seconds = (row.measured.first, *row.time)
        ratio = row.time.median / rows[0].time.median
        table.add_row(
            row.variant.label,
            *(f'{value:.3f}' for value in seconds),
            f'{row.time.median / yardstick.median:.2f}',
            f'{ratio:.3f}',
            _gibibytes(row.measured.memory),
            _ratio(row.measured.memory, rows[0].measured.memory),
        )
    return table


def stage_table(rows: Sequence[Row]) -> Table:
    """Show the stages of variants of one case.

    Args:
        rows (Sequence[Row]): The case in every variant.

    Returns:
        Table: A row for each stage: median seconds and the share of all stages.
    """
    table = Table('stage', box=SIMPLE, title=f'stages of {rows[0].section}: {rows[0].images}')
    for row in rows:
        table.add_column(row.variant.label, justify='right')
    for stage in stage_names(rows):
        cells = []
        for row in rows:
            seconds, total = row.stages.get(stage), sum(row.stages.values())
            cells.append('' if seconds is None else f'{seconds:.4f} s  {seconds / total:6.1%}')
        table.add_row(stage, *cells)
    return table


def growth_table(rows: Sequence[Row]) -> Table:
    """Show how time and memory grow, as multiples of the first row.

    Args:
        rows (Sequence[Row]): Cases of growing size.

    Returns:
        Table: A row for each case.
    """
    pixels = growing_pixels(rows)
    of_what = 'LR area' if rows[0].section == 'area' else 'area of references'
    title = f'growth with the {of_what} ({rows[0].variant.label})'
    table = Table('images', box=SIMPLE, title=title)
    for column in ('area', 'median s', 'ratio', 'added GiB', 'ratio'):
        table.add_column(column, justify='right')
    for row, area in zip(rows, pixels):
        table.add_row(
            row.images,
            f'{area / pixels[0]:.2f}×',
            f'{row.time.median:.3f}',
            f'{row.time.median / rows[0].time.median:.2f}',
            _gibibytes(row.measured.memory),
            _ratio(row.measured.memory, rows[0].measured.memory),
        )
    return table


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Fit values ∝ sizes^exponent by least squares of the logarithms.

    Args:
        sizes (Sequence[float]): At least two different numbers.
        values (Sequence[float]): As many.

    Returns:
        float: The exponent; 1 where growth is linear.
    """
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def _gibibytes(memory: int | None) -> str:
    return '?' if memory is None else f'{memory / GIB:.3f}'


def _ratio(memory: int | None, first: int | None) -> str:
    return f'{memory / first:.3f}' if memory is not None and first else '?'
