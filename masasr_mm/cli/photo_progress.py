"""How far a command with many photos, or with a large one, is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..errors import escaped, tell
from ..photos.jobs import Job

if TYPE_CHECKING:
    from ..models.inference.estimate import Estimate

LONG = 60
"""Seconds from which a photo is announced."""


class PhotoProgress:
    """A bar for all photos, and one for the steps of each, on a terminal alone."""

    def __init__(self, shown: bool = True) -> None:
        self.console = Console(stderr=True)
        columns = [
            TextColumn('{task.description}'),
            BarColumn(),
            TextColumn('{task.fields[done]}'),
            TimeElapsedColumn(),
            TextColumn('left'),
            TimeRemainingColumn(),
        ]
        # Lines on standard output go above the bars, but stay what they are where it is a file.
        self.bars = Progress(
            *columns,
            console=self.console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            disable=not (shown and self.console.is_terminal),
        )
        self.steps = self.bars.add_task('', total=None, visible=False, done='')
        self.plan: Estimate | None = None
        self.name = ''

    def over(self, jobs: Sequence[Job]) -> Iterator[Job]:
        """Go through the jobs, and show how many are done."""
        with self.bars:
            task = self.bars.add_task('', total=len(jobs), done='')
            for index, job in enumerate(jobs):
                self.name, self.plan = escaped(job.lq.name), None
                self.bars.update(task, description=self.name, done=f'{index}/{len(jobs)}')
                self.bars.update(self.steps, visible=False)
                yield job
                self.bars.advance(task)

    def announce(self, plan: Estimate) -> None:
        """Say what a photo will take, if it takes long."""
        self.plan = plan
        self.bars.reset(self.steps, total=plan.seconds)
        if plan.seconds >= LONG:
            hours, minutes = divmod(round(plan.seconds / 60), 60)
            time = f'{hours} h {minutes} min' if hours else f'{minutes} min'
            how = f'in tiles of {plan.tile}' if plan.tile else 'as a whole'
            disk = f'{plan.disk / 1e9:.1f} GB of disk, ' if plan.disk else ''
            tell(
                f'{self.name}: about {time}, {plan.memory / 1e9:.1f} GB of memory, {disk}{how}',
                sys.stderr,
            )

    def track(self, tiles: Sequence, description: str) -> Iterator:
        """Go through the tiles of a step; see :data:`~masasr_mm.models.inference.tiling.Track`."""
        seconds = self.plan.steps.get(description, 0) if self.plan else 0
        self.bars.update(self.steps, description=description, visible=True)
        for index, tile in enumerate(tiles):
            self.bars.update(self.steps, done=f'{index}/{len(tiles)}')
            yield tile
            self.bars.advance(self.steps, seconds / len(tiles))
        self.bars.update(self.steps, visible=False)
