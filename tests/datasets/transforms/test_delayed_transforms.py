"""DelayedTransforms: when they begin, and where they are found."""

from __future__ import annotations

from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform, RandomApply
from mmengine.dataset import BaseDataset, RepeatDataset
from torch.utils.data import ConcatDataset, Subset

from masasr_mm.datasets.transforms import DelayedTransforms, find_delayed_transforms


class Mark(BaseTransform):
    def transform(self, results: dict) -> dict:
        return dict(results, marked=True)


class Numbers(BaseDataset):
    """Items 0..7 through a pipeline."""

    def load_data_list(self) -> list[dict]:
        return [dict(number=number, marked=False) for number in range(8)]


def test_begin_at_their_share_of_the_training():
    delayed = DelayedTransforms([Mark()], begin=3 / 7)
    marks = []
    for iteration in range(7):
        delayed.progress = iteration / 7
        marks.append(delayed(dict(marked=False))['marked'])
    assert marks == [False, False, False, True, True, True, True]


def test_apply_where_there_is_no_training():
    assert DelayedTransforms([Mark()], begin=0.5)(dict(marked=False))['marked']


def test_built_from_a_config():
    transforms = [dict(type='RandomRotation90', keys=['gt']), dict(type='Flip', keys=['gt'])]
    config = dict(type='DelayedTransforms', begin=0.1, transforms=transforms)
    names = [type(item).__name__ for item in TRANSFORMS.build(config).transforms.transforms]
    assert names == ['RandomRotation90', 'Flip']


def test_found_wherever_they_are():
    def numbers(delayed) -> Numbers:
        return Numbers(pipeline=[Mark(), delayed])

    inner = DelayedTransforms([Mark()], 0.1)
    outer = DelayedTransforms([inner, Mark()], 0.2)
    others = [DelayedTransforms([Mark()], begin) for begin in (0.3, 0.4, 0.5)]
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
