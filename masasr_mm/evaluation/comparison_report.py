"""The comparison as a table, in files and as a plot."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..files import written_whole
from .comparison import Result
from .real_pairs import BICUBIC, Measured

METRICS = dict(psnr=2, ssim=4, lpips=4)
"""Digits of each metric."""
EMPTY = ''


def columns(results: Sequence[Result]) -> list[str]:
    """Return the heads of the table; metrics have the names of the data where that is several.

    Args:
        results (Sequence[Result]): The rows, that of bicubic enlargement first.

    Returns:
        list[str]: The heads.
    """
    sets = results[0].quality
    metrics = [
        f'{metric.upper()} {name}' if len(sets) > 1 else metric.upper()
        for name, means in sets.items()
        for metric in METRICS
        if getattr(means, metric) is not None
    ]
    return ['method', *metrics, 'parameters (M)', 'operations (G)', 'time (s)', 'memory (MiB)']


def cells(result: Result, results: Sequence[Result]) -> list[str]:
    """Return a row of the table; what was not measured is an empty cell.

    Args:
        result (Result): The row.
        results (Sequence[Result]): All rows, that of bicubic enlargement first.

    Returns:
        list[str]: As many as there are :func:`columns`.
    """
    found = [result.method]
    for name, means in results[0].quality.items():
        own = result.quality.get(name)
        for metric, digits in METRICS.items():
            if getattr(means, metric) is not None:
                found.append(f'{getattr(own, metric):.{digits}f}' if own else EMPTY)
    if result.costs is None:
        return [*found, *[EMPTY] * 4]
    costs = result.costs
    return [
        *found,
        f'{costs.parameters / 1e6:.2f}',
        f'{costs.operations / 1e9:.2f}',
        EMPTY if costs.seconds is None else f'{costs.seconds:.3f}',
        EMPTY if costs.memory is None else f'{costs.memory / 2**20:.0f}',
    ]


def without_weights(results: Sequence[Result]) -> list[str]:
    """Return the methods that no checkpoint was given for.

    Args:
        results (Sequence[Result]): The rows.

    Returns:
        list[str]: Their names.
    """
    return [r.method for r in results if r.checkpoint is None and r.method != BICUBIC]


def write_files(
    results: Sequence[Result], images: Sequence[Measured], about: dict[str, Any], out: Path
) -> None:
    """Write ``comparison.csv``, ``.json`` and ``.md``.

    Args:
        results (Sequence[Result]): The rows, that of bicubic enlargement first.
        images (Sequence[Measured]): The metrics of every image.
        about (dict[str, Any]): What else belongs into the JSON: data, machine, sizes.
        out (Path): The folder.

    Raises:
        UserError: If a file cannot be written.
    """
    heads, rows = columns(results), [cells(result, results) for result in results]
    with written_whole(out / 'comparison.csv') as part, part.open('w', newline='') as file:
        csv.writer(file).writerows([heads, *rows])
    content = dict(
        about,
        methods=[
            dict(
                method=result.method,
                checkpoint=result.checkpoint,
                quality={name: means._asdict() for name, means in result.quality.items()},
                costs=result.costs._asdict() if result.costs else None,
            )
            for result in results
        ],
        images=[image._asdict() for image in images],
    )
    with written_whole(out / 'comparison.json') as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + '\n', 'utf-8')
    rule = ['---', *['---:'] * (len(heads) - 1)]
    lines = [f'| {" | ".join(line)} |' for line in (heads, rule, *rows)]
    if missing := without_weights(results):
        lines += ['', f'No checkpoint was given for {", ".join(missing)}.']
    with written_whole(out / 'comparison.md') as part:
        part.write_text('\n'.join(lines) + '\n', 'utf-8')


def plot_time(results: Sequence[Result], path: Path) -> bool:
    """Draw PSNR against time, for the first set of photos.

    Args:
        results (Sequence[Result]): The rows.
        path (Path): The picture.

    Returns:
        bool: Whether there was a method with both, and so a picture.

    Raises:
        UserError: If it cannot be written.
    """
    shown = [r for r in results if r.quality and r.costs and r.costs.seconds is not None]
    if not shown:
        return False
    name = next(iter(shown[0].quality))
    figure = Figure(figsize=(7, 5), layout='constrained')
    axes = figure.subplots()
    for result in shown:
        point = (result.costs.seconds, result.quality[name].psnr)
        axes.plot(*point, 'o')
        axes.annotate(result.method, point, xytext=(5, 4), textcoords='offset points')
    axes.set(xscale='log', xlabel='time of a forward pass (s)', ylabel='PSNR on Y (dB)', title=name)
    axes.grid(alpha=0.3, which='both')
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)
    return True
