"""How far a command with many photos is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ..photos.jobs import Job


def with_progress(jobs: Sequence[Job]) -> Iterator[Job]:
    """Go through the jobs with a bar that tells the time left, on a terminal.

    Args:
        jobs (Sequence[Job]): What there is to do.

    Yields:
        Job: One after another.
    """
    console = Console(stderr=True)
    columns = [
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
    ]
    # Lines on standard output go above the bar, but stay what they are where it is a file.
    progress = Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task('', total=len(jobs))
        for job in jobs:
            progress.update(task, description=job.lq.name)
            yield job
            progress.advance(task)
