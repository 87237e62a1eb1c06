"""Samples by their position: from anywhere on, the same for any number of workers and processes."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch
from mmagic.registry import DATASETS, TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import BaseDataset, InfiniteSampler
from torch.utils.data import DataLoader

from masasr_mm.datasets.transforms import DelayedTransforms
from masasr_mm.engine.resume.data import (
    PositionedSampler,
    SeededDataset,
    positioned,
    random_states,
    seeded,
    set_random_states,
)
from masasr_mm.errors import UserError

SIZE, SEED = 11, 5
INFINITE = dict(type='InfiniteSampler', shuffle=True)


@TRANSFORMS.register_module()
class Draw(BaseTransform):
    def transform(self, results: dict) -> dict:
        numbers = random.random(), np.random.random(), torch.rand(()).item()
        return dict(results, numbers=numbers)


@TRANSFORMS.register_module()
class Mark(BaseTransform):
    def transform(self, results: dict) -> dict:
        return dict(results, marked=True)


@DATASETS.register_module()
class Numbered(BaseDataset):
    def load_data_list(self) -> list[dict]:
        return [dict(number=number, marked=False) for number in range(SIZE)]


def dataset() -> SeededDataset:
    late = DelayedTransforms([Mark()], begin=0.4)
    return SeededDataset(dict(type='Numbered', pipeline=[Draw(), late]))


def stream(count: int, workers: int = 0, start: tuple[int, int] = (0, 0), batch_size: int = 2):
    data = dataset()
    sampler = PositionedSampler(data, INFINITE, batch_size, max_iters=10, seed=SEED)
    sampler.start_from(*start, SEED)
    loader = DataLoader(data, batch_size, sampler=sampler, num_workers=workers, collate_fn=list)
    return list(itertools.chain(*itertools.islice(loader, count)))


def test_the_order_is_the_other_samplers():
    numbers = [item['number'] for item in stream(20)]
    expected = list(itertools.islice(InfiniteSampler(range(SIZE), seed=SEED), 40))
    assert numbers == expected


def test_each_epoch_draws_anew_but_a_second_run_the_same():
    first, again = stream(20), stream(20)
    assert [item['numbers'] for item in first] == [item['numbers'] for item in again]
    drawn = [number for item in first for number in item['numbers']]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize('workers', [1, 3])
def test_workers_do_not_matter(workers):
    assert stream(9, workers) == stream(9)


@pytest.mark.parametrize('iteration', [1, 4, 9])
def test_from_any_iteration_on(iteration):
    assert stream(12)[2 * iteration :] == stream(12 - iteration, start=(iteration, 2 * iteration))


def test_delayed_transforms_begin_exactly_on_time():
    marks = [item['marked'] for item in stream(8, workers=2)]
    assert marks == [False] * 8 + [True] * 8
    assert stream(1, start=(4, 8))[0]['marked']
    # where there is no training they always apply
    assert DelayedTransforms([Mark()], begin=0.4)(dict(marked=False))['marked']


def test_two_processes_share_the_stream(monkeypatch):
    whole = stream(6, batch_size=4)
    parts = []
    for rank in range(2):
        for module in ('masasr_mm.engine.resume.data', 'mmengine.dataset.sampler'):
            monkeypatch.setattr(f'{module}.get_dist_info', lambda rank=rank: (rank, 2))
        parts.append(stream(6, batch_size=2))
    joined = [item for pair in zip(*parts) for item in pair]
    assert joined == whole


def draw() -> tuple:
    return random.random(), np.random.normal(), torch.rand(()).item(), random.gauss(0, 1)


def test_seeds_give_the_same_numbers_and_leave_the_states_alone():
    before = random_states()
    with seeded(3, 14):
        first = draw()
    with seeded(3, 15):
        other = draw()
    expected = draw()
    set_random_states(before)
    assert draw() == expected
    with seeded(3, 14):
        assert draw() == first
    assert all(one != two for one, two in zip(first, other))


@pytest.mark.parametrize(
    ('dataloader', 'words'),
    [
        ([1, 2], 'needs the config of a dataloader'),
        (dict(batch_size=1), 'with a sampler'),
        (
            dict(batch_size=1, sampler=dict(type='InfiniteSampler'), batch_sampler=dict()),
            'batch_sampler hides the position',
        ),
    ],
)
def test_a_dataloader_without_positions_is_refused(dataloader, words):
    with pytest.raises(UserError, match=words):
        positioned(dataloader, 1)
