"""A training that was stopped and resumed ends as one that was not, to the bit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from masasr_mm.tensor_files import read_tensors
from tests.training import (
    MAX_ITERS,
    SignalAt,
    differences,
    make_data,
    tiny_config,
    train,
    training_state,
)

LAST = f'iter_{MAX_ITERS}.pth'
TERMINATED = 128 + 15


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('data')
    make_data(root)
    return root


class RandomNudge(Hook):
    """Moves a weight by random numbers of all kinds, as dropout in a network of one's own would."""

    def after_train_iter(self, runner: Runner, **kwargs: Any) -> None:
        nudge = random.random() + np.random.rand() + float(torch.rand(()))
        weights = dict(runner.model.named_parameters())
        [bias] = [weight for name, weight in weights.items() if name.endswith('to_image.bias')]
        bias.data.add_(1e-3 * nudge)


def config(data: Path, work_dir: Path, **options: Any):
    """All losses, augmentation that begins late, averaged weights, bfloat16."""
    average = dict(type='ResumableEMAHook', ema_type='ExponentialMovingAverage', momentum=0.3)
    options.setdefault('optim_wrapper__generator__type', 'AutocastOptimWrapper')
    return tiny_config(data, work_dir, custom_hooks=[average], **options)


def state(folder: Path) -> dict:
    average = torch.load(folder / LAST, weights_only=True)['ema_state_dict']
    return {
        **training_state(folder / LAST),
        **{f'ema/{key}': value for key, value in average.items()},
    }


@pytest.fixture(scope='module')
def unbroken(data, tmp_path_factory) -> dict:
    """What a run without workers that was never stopped ended with."""
    work_dir = tmp_path_factory.mktemp('unbroken')
    assert train(config(data, work_dir), hooks=[RandomNudge()]) == 0
    return state(work_dir)


def test_stopped_after_every_iteration(data, unbroken, tmp_path):
    stopped = config(data, tmp_path)
    for iteration in range(MAX_ITERS - 1):
        assert train(stopped, hooks=[RandomNudge(), SignalAt(iteration)]) == TERMINATED
        assert (tmp_path / f'iter_{iteration + 1}.pth').is_file()
    assert train(stopped, hooks=[RandomNudge()]) == 0
    assert differences(state(tmp_path), unbroken) == []
    # The average, which is what is used, is in the place of the trained weights.
    name = 'generator.to_image.weight'
    assert not torch.equal(unbroken[f'/state_dict/{name}'], unbroken[f'ema/module.{name}'])


def test_workers_and_a_validation_broken_off(data, unbroken, tmp_path):
    stopped = config(data, tmp_path, workers=2)
    # No checkpoint is due where this validation is.
    assert train(stopped, hooks=[RandomNudge(), SignalAt(3, mode='val')]) == TERMINATED
    assert not list(tmp_path.glob('best*'))
    assert train(stopped, hooks=[RandomNudge(), SignalAt(4)]) == TERMINATED
    assert train(stopped, hooks=[RandomNudge()]) == 0
    assert differences(state(tmp_path), unbroken) == []


def test_two_processes(data, tmp_path):
    states = []
    for name, stops in (('unbroken', []), ('stopped', [SignalAt(1), SignalAt(4)])):
        parallel = config(data, tmp_path / name, workers=1)
        for stop in stops:
            assert train(parallel, processes=2, hooks=[RandomNudge(), stop]) == TERMINATED
        assert train(parallel, processes=2, hooks=[RandomNudge()]) == 0
        states.append(state(tmp_path / name))
    assert differences(*states) == []
    assert any(name.startswith('/resume/random_states/1/') for name in states[0])


def test_the_comparison_sees_a_difference(data, unbroken, tmp_path):
    assert train(config(data, tmp_path, randomness__seed=1), hooks=[RandomNudge()]) == 0
    names = differences(state(tmp_path), unbroken)
    for part in ('/state_dict/generator', '/optimizer/discriminator', '/scalars/train/loss_pix'):
        assert any(name.startswith(part) for name in names)


@pytest.mark.parametrize('wrapped', [False, True])
def test_weights_to_begin_with_bring_no_steps_along(data, tmp_path, wrapped):
    """A warm-up is that of the config; it is over only for a run that goes on."""

    def steps_of(name: str, iteration: int) -> int:
        checkpoint = read_tensors(tmp_path / name / f'iter_{iteration}.pth')
        return int(checkpoint['state_dict']['step_counter'])

    first = tiny_config(data, tmp_path / 'first', train_cfg__max_iters=2)
    assert train(first) == 0
    assert steps_of('first', 2) == 2

    start = str(tmp_path / 'first' / 'iter_2.pth')
    second = tiny_config(data, tmp_path / 'second', load_from=start, train_cfg__max_iters=2)
    assert train(second, processes=1 + wrapped) == 0
    assert steps_of('second', 2) == 2
    second.train_cfg.max_iters = 4  # goes on
    assert train(second, processes=1 + wrapped) == 0
    assert steps_of('second', 4) == 4
