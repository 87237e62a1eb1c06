"""Photos that several processes share."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.distributed import HashStore

from masasr_mm.cli import processes
from masasr_mm.cli.processes import Processes
from masasr_mm.photos.jobs import Job, Plan
from masasr_mm.photos.report import Outcome

JOBS = [Job(Path(f'{i}.png'), (), Path(f'out/{i}.png'), done=i in (1, 2)) for i in range(8)]


@pytest.fixture
def three():
    store = HashStore()
    return [Processes(rank, 3, rank, store) for rank in range(3)]


def test_every_photo_that_is_to_be_done_has_one_process(three):
    assert [each.share(JOBS) for each in three] == [[0, 1, 2, 5], [3, 6], [4, 7]]
    assert Processes().share(JOBS) == list(range(8))


def test_the_first_tells_of_all_and_of_one_that_died(three, monkeypatch):
    """Of the second one photo is known; the third did its work."""
    monkeypatch.setattr(processes, 'SILENCE', 0.3)
    first, second, third = three
    first.start(Plan(JOBS, 'png', []))
    assert second.plan().jobs == third.plan().jobs == JOBS
    for each, index in ((second, 3), (third, 4), (third, 7)):
        each.report(index, Outcome(JOBS[index], 'written', 'well'))
    [line] = first.wait(JOBS)
    assert line.startswith('process 1 ended before 1 of its photos')
    assert list(first.outcomes(8)) == [3, 4, 7]
    assert first.outcomes(8)[7].job == JOBS[7]


def test_where_nothing_can_be_done_all_end(three):
    with pytest.raises(ValueError, match='broken'), three[0]:
        raise ValueError('broken')
    with pytest.raises(SystemExit):
        three[1].plan()


@pytest.mark.parametrize(
    ('environment', 'cores'),
    [(dict(TORCHELASTIC_RUN_ID='none'), 4), ({}, 8)],  # srun and mpirun bind processes
)
def test_cores_are_divided_once(monkeypatch, environment, cores):
    monkeypatch.delenv('TORCHELASTIC_RUN_ID', raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes.os, 'sched_getaffinity', lambda pid: range(8), raising=False)
    monkeypatch.setattr(processes.os, 'cpu_count', lambda: 16)
    assert processes.cores_of_one(2) == cores
