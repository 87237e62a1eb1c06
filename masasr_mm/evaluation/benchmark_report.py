"""Tables, plots and plain data of what the benchmark measured."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.box import SIMPLE
from rich.table import Table

from ..files import written_whole
from .benchmark import Case, Measurement
from .timing import REST, Spread, spread
from .variants import Variant

GIB = 2**30
IDLE_LOAD = 0.3
"""Times are worth telling if no more processes than this were running on average."""


class Row(NamedTuple):
    """One measured case.

    Attributes:
        section (str): 'inference', 'training', 'area' (growth with the LR) or 'references'.
        case (Case): What the network ran on.
        variant (Variant): How it ran.
        measured (Measurement): Time and memory.
    """

    section: str
    case: Case
    variant: Variant
    measured: Measurement

    @property
    def time(self) -> Spread:
        """Spread: Of the seconds of all runs but the first."""
        return spread(self.measured.seconds)

    @property
    def stages(self) -> dict[str, float]:
        """dict[str, float]: Median seconds of every stage."""
        return {name: spread(values).median for name, values in self.measured.stages.items()}

    @property
    def images(self) -> str:
        """str: The case in words."""
        count = f'{self.case.batch} × ' if self.case.batch > 1 else ''
        lq, ref = ('×'.join(map(str, size)) for size in (self.case.lq, self.case.ref))
        return f'{count}LR {lq}, Ref {ref}'

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data.

        Returns:
            dict: For JSON.
        """
        return dict(
            section=self.section,
            **self.case._asdict(),
            variant=self.variant._asdict(),
            first=self.measured.first,
            **self.time._asdict(),
            added_peak_bytes=self.measured.memory,
            seconds=self.measured.seconds,
            stages=self.measured.stages,
        )


def machine(device: str, load: float) -> dict[str, Any]:
    """Describe the machine, so that figures can be judged later.

    Args:
        device (str): Where the work is done.
        load (float): Processes that were running before this one began.

    Returns:
        dict: Processor, GPU, threads, version of torch, and the load.
    """
    cpu_info = Path('/proc/cpuinfo')
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return dict(
        processor=names[0] if names else platform.processor(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        device=device,
        gpu=torch.cuda.get_device_name(device) if device.startswith('cuda') else None,
        torch=torch.__version__,
        load=load,
    )


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
    for stage in _stage_names(rows):
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


def growing_pixels(rows: Iterable[Row]) -> list[int]:
    """Return the number of pixels that grows from row to row.

    Args:
        rows (Iterable[Row]): Of the section 'area' or 'references'.

    Returns:
        list[int]: Pixels of the LR, or of the references.
    """
    sizes = [row.case.lq if row.section == 'area' else row.case.ref for row in rows]
    return [height * width for height, width in sizes]


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Fit values ∝ sizes^exponent by least squares of the logarithms.

    Args:
        sizes (Sequence[float]): At least two different numbers.
        values (Sequence[float]): As many.

    Returns:
        float: The exponent; 1 where growth is linear.
    """
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def plot_stages(rows: Sequence[Row], path: Path) -> None:
    """Draw time by stage and memory of all variants of a case.

    Args:
        rows (Sequence[Row]): The case in every variant.
        path (Path): The PNG file to write.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 2.5 + 0.5 * len(rows)), layout='constrained')
    time, memory = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    labels = [row.variant.label for row in rows]
    left = np.zeros(len(rows))
    for index, stage in enumerate(_stage_names(rows)):
        values = np.array([row.stages.get(stage, 0.0) for row in rows])
        color = colormaps['tab20'](index % 20)
        time.barh(labels, values, left=left, label=stage, color=color)
        left += values
    time.set(title=f'{rows[0].section}: {rows[0].images}', xlabel='seconds (medians)')
    time.invert_yaxis()
    time.legend(fontsize=8, ncols=2, loc='center left', bbox_to_anchor=(1.35, 0.5))
    memory.barh(labels, [(row.measured.memory or 0) / GIB for row in rows], color='gray')
    memory.set(xlabel='added peak (GiB)')
    _save(figure, path)


def plot_growth(rows: Sequence[Row], path: Path) -> None:
    """Draw time and memory against the size, with what linear growth would be.

    Args:
        rows (Sequence[Row]): Cases of growing size.
        path (Path): The PNG file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout='constrained')
    pixels = np.array(growing_pixels(rows)) / 1e6
    quantities = (
        ('seconds', [row.time.median for row in rows]),
        ('added peak (GiB)', [(row.measured.memory or np.nan) / GIB for row in rows]),
    )
    for axes, (name, values) in zip(figure.subplots(1, 2), quantities):
        axes.plot(pixels, values, marker='o', label='measured')
        axes.plot(pixels, values[0] * pixels / pixels[0], ':', color='gray', label='linear')
        of_what = 'LR' if rows[0].section == 'area' else 'all references'
        axes.set(xlabel=f'megapixels of the {of_what}', ylabel=name, xlim=(0, None), ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    _save(figure, path)


def _stage_names(rows: Sequence[Row]) -> list[str]:
    """Return all stages, in the order of the row that has most of them; what is left over last."""
    by_length = sorted((row.stages for row in rows), key=len, reverse=True)
    names = dict.fromkeys(name for stages in by_length for name in stages)
    del names[REST]
    return [*names, REST]


def _gibibytes(memory: int | None) -> str:
    return '?' if memory is None else f'{memory / GIB:.3f}'


def _ratio(memory: int | None, first: int | None) -> str:
    return f'{memory / first:.3f}' if memory is not None and first else '?'


def _save(figure, path: Path) -> None:
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)
