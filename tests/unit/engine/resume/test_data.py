"""Samples by their position: their order, their random numbers, when transforms begin.

That workers, processes and stops do not matter is seen in tests/integration/test_resume.py.
"""

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
from masasr_mm.engine.resume.data import PositionedSampler, SeededDataset, positioned
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


def stream(count: int, workers: int = 0, start: tuple[int, int] = (0, 0)):
    data = dataset()
    sampler = PositionedSampler(data, INFINITE, 2, max_iters=10, seed=SEED)
    sampler.start_from(*start, SEED)
    loader = DataLoader(data, 2, sampler=sampler, num_workers=workers, collate_fn=list)
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


def test_delayed_transforms_begin_exactly_on_time():
    marks = [item['marked'] for item in stream(8, workers=2)]
    assert marks == [False] * 8 + [True] * 8
    assert stream(1, start=(4, 8))[0]['marked']
    # where there is no training they always apply
    assert DelayedTransforms([Mark()], begin=0.4)(dict(marked=False))['marked']


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
