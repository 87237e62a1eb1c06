"""A training with averaged weights, stopped anywhere, ends as one that was not, to the bit."""

from __future__ import annotations

from pathlib import Path

import torch

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


def averaged(data: Path, work_dir: Path, kind: str = 'ResumableEMAHook'):
    config = tiny_config(data, work_dir, optim_wrapper__generator__type='AutocastOptimWrapper')
    average = dict(type=kind, ema_type='ExponentialMovingAverage', momentum=0.3)
    config.custom_hooks = [*config.custom_hooks, average]
    return config


def state(path: Path) -> dict:
    average = torch.load(path, weights_only=True)['ema_state_dict']
    return {**training_state(path), **{f'ema/{key}': value for key, value in average.items()}}


def test_stopped_while_it_trains_and_while_it_validates(tmp_path):
    data = tmp_path / 'data'
    make_data(data)
    assert train(averaged(data, tmp_path / 'unbroken')) == 0
    config = averaged(data, tmp_path / 'stopped')
    # No checkpoint is due where this validation is.
    assert train(config, hooks=[SignalAt(3, mode='val')]) == TERMINATED
    assert train(config, hooks=[SignalAt(4)]) == TERMINATED
    assert train(config) == 0
    whole, stopped = (state(tmp_path / name / LAST) for name in ('unbroken', 'stopped'))
    assert differences(whole, stopped) == []
    # The average, which is what is used, is in the place of the trained weights.
    name = 'generator.to_image.weight'
    assert not torch.equal(whole[f'/state_dict/{name}'], whole[f'ema/module.{name}'])
