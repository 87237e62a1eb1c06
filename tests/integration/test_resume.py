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


@pytest.fixture(scope='module')
def unbroken(data, tmp_path_factory) -> dict:
    """What a run without workers that was never stopped ended with."""
    work_dir = tmp_path_factory.mktemp('unbroken')
    assert train(tiny_config(data, work_dir)) == 0
    return training_state(work_dir / LAST)


def test_stopped_after_every_iteration(data, unbroken, tmp_path):
    config = tiny_config(data, tmp_path)
    for iteration in range(MAX_ITERS - 1):
        assert train(config, hooks=[SignalAt(iteration)]) == TERMINATED
        assert (tmp_path / f'iter_{iteration + 1}.pth').is_file()
    assert train(config) == 0
    assert differences(training_state(tmp_path / LAST), unbroken) == []


def test_workers_and_a_validation_broken_off(data, unbroken, tmp_path):
    config = tiny_config(data, tmp_path, workers=2)
    assert train(config, hooks=[SignalAt(3, mode='val')]) == TERMINATED
    assert not list(tmp_path.glob('best*'))
    assert train(config, hooks=[SignalAt(4)]) == TERMINATED
    assert train(config) == 0
    assert differences(training_state(tmp_path / LAST), unbroken) == []


class RandomNudge(Hook):
    """Moves a weight by random numbers of all kinds, as dropout in a network of one's own would."""

    def after_train_iter(self, runner: Runner, **kwargs: Any) -> None:
        nudge = random.random() + np.random.rand() + float(torch.rand(()))
        runner.model.generator.to_image.bias.data.add_(1e-3 * nudge)


def test_random_numbers_of_the_model(data, tmp_path):
    states = []
    for name, stops in (('unbroken', []), ('stopped', [SignalAt(1), SignalAt(4)])):
        config = tiny_config(data, tmp_path / name)
        for stop in stops:
            assert train(config, hooks=[RandomNudge(), stop]) == TERMINATED
        assert train(config, hooks=[RandomNudge()]) == 0
        states.append(training_state(tmp_path / name / LAST))
    assert differences(*states) == []


def test_two_processes(data, tmp_path):
    states = []
    for name, stops in (('unbroken', []), ('stopped', [SignalAt(1), SignalAt(4)])):
        config = tiny_config(data, tmp_path / name, workers=1)
        for stop in stops:
            assert train(config, processes=2, hooks=[stop]) == TERMINATED
        assert train(config, processes=2) == 0
        states.append(training_state(tmp_path / name / LAST))
    assert differences(*states) == []
    assert any(name.startswith('/resume/random_states/1/') for name in states[0])


def test_the_comparison_sees_a_difference(data, unbroken, tmp_path):
    # With mmengine's own loop a resumed run draws other augmentations.
    config = tiny_config(data, tmp_path, randomness__seed=1)
    assert train(config) == 0
    names = differences(training_state(tmp_path / LAST), unbroken)
    for part in ('/state_dict/generator', '/optimizer/discriminator', '/scalars/train/loss_pix'):
        assert any(name.startswith(part) for name in names)
