"""What a command tells of large photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from masasr_mm.cli.photo_progress import PhotoProgress
from masasr_mm.models.inference.estimate import Estimate
from masasr_mm.photos.jobs import Job

JOBS = [Job(Path(f'in/{name}.jpg'), (), Path(f'out/{name}.png')) for name in 'ab']


@pytest.mark.parametrize(
    ('tile', 'runs', 'disk', 'told'),
    [
        (128, 1, 0, 'a.jpg: about 4 min, 6.2 GB of memory, in tiles of 128\n'),
        (64, 1, 7.68e10, 'a.jpg: about 4 min, 6.2 GB of memory, 76.8 GB of disk, in tiles of 64\n'),
        (None, 14, 0, 'a.jpg: about 1 h 0 min, 6.2 GB of memory, as a whole\n'),
    ],
)
def test_a_long_photo_is_announced(capsys, tile, runs, disk, told):
    progress = PhotoProgress()
    next(progress.over(JOBS))
    progress.announce(Estimate(tile, 6_240_000_000, dict(matching=195.0, fusing=60.0), runs, disk))
    assert capsys.readouterr().err == told


def test_steps_advance_by_the_time_they_take():
    progress = PhotoProgress()
    progress.announce(Estimate(16, 0, {'matching': 3.0, 'fusing at 1×': 8.0}, runs=2))
    seen = []
    for _ in range(2):
        for step, tiles in (('matching', 1), ('statistics at 1×', 2), ('fusing at 1×', 4)):
            for _ in progress.track(range(tiles), step):
                seen.append(progress.bars.tasks[progress.steps].completed)
    assert seen[:7] == [0, 3, 3, 3, 5, 7, 9]
    assert progress.bars.tasks[progress.steps].completed == 22 == progress.plan.seconds
