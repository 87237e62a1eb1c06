"""DelayedTransforms, and how its switch reaches the workers of a data loader."""

from __future__ import annotations

import copy
import pickle

import pytest
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform, RandomApply
from mmengine.dataset import BaseDataset, RepeatDataset
from torch.utils.data import ConcatDataset, DataLoader, Subset

from masasr_mm.datasets.transforms import DelayedTransforms, find_delayed_transforms


class Mark(BaseTransform):
    def transform(self, results: dict) -> dict:
        return dict(results, marked=True)


class Numbers(BaseDataset):
    """Items 0..7 through a pipeline."""

    def load_data_list(self) -> list[dict]:
        return [dict(number=number, marked=False) for number in range(8)]


def test_switches_at_the_iteration():
    delayed = DelayedTransforms([Mark(), Mark()], begin_iter=3)
    states = []
    for iteration in range(6):
        delayed.iteration = iteration
        states.append(delayed(dict(marked=False))['marked'])
    assert states == [False, False, False, True, True, True]
    assert DelayedTransforms([Mark()], begin_iter=0)(dict(marked=False))['marked']


def test_built_from_a_config():
    transforms = [dict(type='RandomRotation90', keys=['gt']), dict(type='Flip', keys=['gt'])]
    config = dict(type='DelayedTransforms', begin_iter=7, transforms=transforms)
    delayed = TRANSFORMS.build(config)
    names = [type(item).__name__ for item in delayed.transforms.transforms]
    assert names == ['RandomRotation90', 'Flip']


# A spawned worker imports everything anew, which is slow: one of them has to do.
@pytest.mark.parametrize(('context', 'workers'), [('fork', 2), ('spawn', 1)])
def test_reaches_persistent_workers(context, workers):
    begin_iter, prefetch = 13, 2
    delayed = DelayedTransforms([Mark()], begin_iter=begin_iter)
    loader = DataLoader(
        Numbers(pipeline=[delayed]),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=prefetch,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    marks = []
    for _ in range(4):  # epochs of 8
        for item in loader:
            marks.append(item['marked'])
            delayed.iteration = len(marks)  # the iteration that comes next
    assert not any(marks[:begin_iter])
    assert all(marks[begin_iter + workers * prefetch :])


@pytest.mark.parametrize('clone', [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_a_copy_counts_for_itself_in_shared_memory(clone):
    delayed = DelayedTransforms([Mark()], begin_iter=3)
    delayed.iteration = 5
    other = clone(delayed)
    assert other.iteration == 5
    other.iteration = 0
    assert delayed.iteration == 5
    assert other._iteration.is_shared()


def test_found_wherever_they_are():
    def numbers(delayed) -> Numbers:
        return Numbers(pipeline=[Mark(), delayed])

    inner = DelayedTransforms([Mark()], 1)
    outer = DelayedTransforms([inner, Mark()], 2)
    others = [DelayedTransforms([Mark()], begin) for begin in (3, 4, 5)]
    wrapped = ConcatDataset(
        [
            RepeatDataset(numbers(outer), 2),
            numbers(RandomApply([others[0]])),
            numbers(others[1]),
        ]
    )
    assert list(find_delayed_transforms(wrapped)) == [outer, inner, others[0], others[1]]
    assert list(find_delayed_transforms(Subset(numbers(others[2]), [0]))) == [others[2]]
    assert list(find_delayed_transforms(numbers(Mark()))) == []
