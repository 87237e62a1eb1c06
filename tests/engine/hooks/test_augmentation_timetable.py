"""The hook in mmengine's Runner: on time, after a resume, and with nothing to do."""

from __future__ import annotations

import pytest
import torch
from mmagic.registry import HOOKS
from mmcv.transforms import BaseTransform
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.runner import Runner

from masasr_mm.datasets.transforms import DelayedTransforms
from masasr_mm.engine.hooks import AugmentationTimetableHook
from masasr_mm.errors import UserError

EPOCH = 6


class Mark(BaseTransform):
    def transform(self, results: dict) -> dict:
        return dict(results, marked=1.0)


class Numbers(BaseDataset):
    """One epoch of items that a transform marks."""

    def load_data_list(self) -> list[dict]:
        return [dict(marked=0.0) for _ in range(EPOCH)]


class Recorder(BaseModel):
    """Writes down which batches came marked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.marks: list[bool] = []

    def forward(self, marked: list[float], mode: str, **kwargs) -> dict:
        self.marks.append(bool(marked[0]))
        return dict(loss=self.weight * marked[0])


def train(work_dir, transform, train_cfg: dict, workers: int = 0, resume: bool = False) -> list:
    """Train for real; the marks of the batches in their order."""
    loader = dict(
        dataset=Numbers(pipeline=[transform]),
        batch_size=1,
        num_workers=workers,
        persistent_workers=workers > 0,
        sampler=dict(type='DefaultSampler', shuffle=False),
    )
    if 'max_iters' in train_cfg:
        loader['sampler'] = dict(type='InfiniteSampler')
    model = Recorder()
    runner = Runner(
        model,
        str(work_dir),
        train_dataloader=loader,
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        custom_hooks=[AugmentationTimetableHook()],
        default_hooks=dict(logger=None),
        resume=resume,
        default_scope='mmagic',
        experiment_name=f'{work_dir.name}-{resume}',
    )
    runner.train()
    return model.marks


def epochs(count: int) -> dict:
    return dict(by_epoch=True, max_epochs=count)


@pytest.mark.parametrize(
    'train_cfg', [epochs(3), dict(by_epoch=False, max_iters=3 * EPOCH)], ids=['epochs', 'iters']
)
@pytest.mark.parametrize('begin_iter', [0, 1, EPOCH, 11, 100])
def test_on_time_without_workers(tmp_path, train_cfg, begin_iter):
    marks = train(tmp_path, DelayedTransforms([Mark()], begin_iter), train_cfg)
    assert marks == [iteration >= begin_iter for iteration in range(3 * EPOCH)]


def test_with_persistent_workers(tmp_path):
    marks = train(tmp_path, DelayedTransforms([Mark()], 8), epochs(4), workers=2)
    assert not any(marks[:8])
    prepared_ahead = 2 * 2  # workers × batches each prepares ahead, torch's default
    assert all(marks[8 + prepared_ahead :])
    assert len(marks) == 4 * EPOCH


def test_resume(tmp_path):
    assert not any(train(tmp_path, DelayedTransforms([Mark()], EPOCH + 2), epochs(1)))
    marks = train(tmp_path, DelayedTransforms([Mark()], EPOCH + 2), epochs(3), resume=True)
    assert marks == [False, False] + [True] * (2 * EPOCH - 2)


def test_resume_after_the_switch(tmp_path):
    train(tmp_path, DelayedTransforms([Mark()], 2), epochs(1))
    assert all(train(tmp_path, DelayedTransforms([Mark()], 2), epochs(2), resume=True))


def test_nothing_to_set_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match='has no DelayedTransforms') as caught:
        train(tmp_path, Mark(), epochs(1))
    assert '\n' not in str(caught.value)


def test_registered():
    assert HOOKS.get('AugmentationTimetableHook') is AugmentationTimetableHook
