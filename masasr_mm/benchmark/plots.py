"""Plots of what the benchmark measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..files import written_whole
from .rows import Row, growing_pixels, stage_names
from .tables import GIB


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
    for index, stage in enumerate(stage_names(rows)):
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


def _save(figure, path: Path) -> None:
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)
