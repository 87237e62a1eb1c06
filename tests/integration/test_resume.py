"""Trainings in processes of their own: stopped and resumed to the bit, and two as one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.multiprocessing import start_processes

from masasr_mm.errors import UserError
from masasr_mm.tensor_files import read_tensors
from tests.scripts import load_tool
from tests.training import (
    MAX_ITERS,
    START_METHOD,
    SignalAt,
    differences,
    join,
    plain_descent,
    tiny_config,
    train,
    training_state,
)

LAST = f'iter_{MAX_ITERS}.pth'
TERMINATED = 128 + 15


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
def unbroken(noise_data, tmp_path_factory) -> dict:
    """What a run without workers that was never stopped ended with."""
    work_dir = tmp_path_factory.mktemp('unbroken')
    assert train(config(noise_data, work_dir), hooks=[RandomNudge()]) == 0
    return state(work_dir)


def test_stopped_again_and_again(noise_data, unbroken, tmp_path):
    """Before augmentation begins, as it begins, and afterwards."""
    stopped = config(noise_data, tmp_path)
    for iteration in (0, 2, 3):
        assert train(stopped, hooks=[RandomNudge(), SignalAt(iteration)]) == TERMINATED
        assert (tmp_path / f'iter_{iteration + 1}.pth').is_file()
    assert train(stopped, hooks=[RandomNudge()]) == 0
    assert differences(state(tmp_path), unbroken) == []
    # The average, which is what is used, is in the place of the trained weights.
    name = 'generator.to_image.weight'
    assert not torch.equal(unbroken[f'/state_dict/{name}'], unbroken[f'ema/module.{name}'])


def test_workers_and_a_validation_broken_off(noise_data, unbroken, tmp_path):
    stopped = config(noise_data, tmp_path, workers=2)
    # No checkpoint is due where this validation is.
    assert train(stopped, hooks=[RandomNudge(), SignalAt(3, mode='val')]) == TERMINATED
    assert not list(tmp_path.glob('best*'))
    assert train(stopped, hooks=[RandomNudge(), SignalAt(4)]) == TERMINATED
    assert train(stopped, hooks=[RandomNudge()]) == 0
    assert differences(state(tmp_path), unbroken) == []


def test_weights_to_begin_with_bring_no_steps_along(noise_data, tmp_path):
    """A warm-up is that of the config; it is over only for a run that goes on."""

    def steps_of(name: str, iteration: int) -> int:
        checkpoint = read_tensors(tmp_path / name / f'iter_{iteration}.pth')
        return int(checkpoint['state_dict']['step_counter'])

    first = tiny_config(noise_data, tmp_path / 'first', train_cfg__max_iters=2)
    assert train(first) == 0
    assert steps_of('first', 2) == 2

    start = str(tmp_path / 'first' / 'iter_2.pth')
    second = tiny_config(noise_data, tmp_path / 'second', load_from=start, train_cfg__max_iters=2)
    assert train(second) == 0
    assert steps_of('second', 2) == 2
    second.train_cfg.max_iters = 4  # goes on
    assert train(second) == 0
    assert steps_of('second', 4) == 4


def test_two_processes_train_what_one_does_with_their_batch(noise_data, tmp_path):
    weights = []
    for name, batch, processes in (('one', 4, 1), ('two', 2, 2)):
        config = plain_descent(noise_data, tmp_path / name, batch, workers=0)
        config.default_hooks.checkpoint.interval = 1
        assert train(config, processes) == 0
        weights.append(
            [read_tensors(tmp_path / name / f'iter_{i}.pth')['state_dict'] for i in (1, 2)]
        )
    (start, one), (_, two) = weights
    for part in ('generator.', 'discriminator.'):
        keys = [key for key in one if key.startswith(part) and one[key].is_floating_point()]
        moved = max(float((one[key] - start[key]).abs().max()) for key in keys)
        apart = max(float((one[key] - two[key]).abs().max()) for key in keys)
        assert moved > 1e-4
        assert apart < 2e-6 + 1e-3 * moved, part


CASES = dict(older=((10, 20), (10,)), nothing=((), (10,)), damaged=((0,), ()))
"""Iterations that the first and the second process see; 0 is a damaged file."""


def choose(rank: int, processes: int, store: str) -> None:
    """What tools/train.py does of --resume, where each process sees another folder."""
    join(rank, processes, store)
    for case in CASES:
        work_dir = f'{store}/{case}/seen_by_{rank}'
        config = Config(dict(work_dir=work_dir, resume=False, load_from='start.pth'))
        try:
            load_tool('train.py').choose_start(config, 'auto')
            result = f'{config.resume} {config.load_from}'
        except UserError as error:
            result = str(error)
        Path(store, case, f'result_{rank}').write_text(result)


def test_the_first_process_decides_for_all(tmp_path):
    """A shared disk shows the second machine an older state."""
    for case, seen in CASES.items():
        for rank, steps in enumerate(seen):
            folder = tmp_path / case / f'seen_by_{rank}'
            folder.mkdir(parents=True)
            for step in steps:
                meta = dict(iter=step, time=f'20260101_10{step:02d}00')
                content = dict(
                    meta=meta, state_dict={'x': torch.ones(9)}, message_hub={}, optimizer={}
                )
                torch.save(content, folder / f'iter_{step}.pth')
            if 0 in steps:
                (folder / 'iter_0.pth').write_bytes(b'half')
    start_processes(choose, (2, str(tmp_path)), nprocs=2, start_method=START_METHOD)
    results = {
        case: {(tmp_path / case / f'result_{rank}').read_text() for rank in range(2)}
        for case in CASES
    }
    assert results['older'] == {f'True {tmp_path}/older/seen_by_0/iter_20.pth'}
    assert results['nothing'] == {'False start.pth'}
    [line] = results['damaged']
    assert 'seen_by_0: none of its 1 checkpoints is whole' in line
