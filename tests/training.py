"""Tiny trainings with all that a real one has, in fresh processes, stopped wherever one likes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from torch.multiprocessing import ProcessExitedException, start_processes

from masasr_mm.checkpoints.loading import newest_checkpoint
from tests.conftest import REPOSITORY, plain_configs

MAX_ITERS = 7
START_METHOD = 'forkserver'
"""Forked from a server that has imported all, components and what they need among it, but run
nothing: what was forked from a process that has used threads of OpenMP or of autograd hangs, or
fails."""
multiprocessing.set_forkserver_preload([__name__, 'masasr_mm.components'])


def tiny_config(data: Path, work_dir: Path, workers: int = 0, **options: Any) -> Config:
    """Return a config of the GAN stage with augmentation that begins in the fourth iteration.

    ``options`` are entries by their dotted keys, with ``__`` for the dot.
    """
    config = Config.fromfile(REPOSITORY / 'configs' / 'masa_x4_sample.py')
    config.work_dir = str(work_dir)
    pipeline = [item for item in config.train_pipeline if item['type'] != 'FixedCrop']
    [delayed] = [item for item in pipeline if item['type'] == 'DelayedTransforms']
    delayed['begin'] = 3 / MAX_ITERS
    [stack] = [item for item in config.test_pipeline if item['type'] == 'StackReferences']
    stack['size'] = (32, 32)
    adam = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3, betas=(0.0, 0.9)))
    changes = dict(
        model__generator__channels=4,
        model__generator__fusion_blocks=(1, 1, 1),
        model__generator__encoder__num_blocks=1,
        model__generator__init_cfg=None,
        model__discriminator=dict(type='MASADiscriminator', in_size=32, mid_channels=2),
        model__gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=0.1),
        model__train_cfg__pixel_init=1,
        optim_wrapper__discriminator=adam,
        train_dataloader__dataset__data_root=str(data / 'train'),
        train_dataloader__dataset__pipeline=pipeline,
        val_dataloader__dataset__data_root=str(data / 'test' / 'CUFED5'),
        val_dataloader__dataset__pipeline=config.test_pipeline,
        train_cfg__max_iters=MAX_ITERS,
        train_cfg__val_interval=3,
        default_hooks__checkpoint__interval=2,
        default_hooks__checkpoint__max_keep_ckpts=2,
        default_hooks__logger__interval=1,
        randomness__deterministic=True,
        custom_hooks=[],
    )
    changes.update(options)
    config.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    config.test_dataloader = config.val_dataloader
    config.visualizer = dict(type='Visualizer')
    config.train_dataloader.update(num_workers=workers, persistent_workers=workers > 0)
    return config


def plain_descent(data: Path, work_dir: Path, batch_size: int, workers: int) -> Config:
    """A config whose weights move by their gradients alone, without Adam's division."""
    config = tiny_config(
        data,
        work_dir,
        workers,
        train_dataloader__batch_size=batch_size,
        train_cfg__max_iters=2,
        model__train_cfg__pixel_init=0,
        randomness__deterministic=False,
    )
    for name in ('generator', 'discriminator'):
        config.optim_wrapper[name] = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05))
    return config


class SignalAt(Hook):
    """Sends this process a signal while an iteration runs, or a validation."""

    def __init__(self, iteration: int, number: int = signal.SIGTERM, mode: str = 'train') -> None:
        self.iteration, self.number, self.mode = iteration, number, mode

    def before_train_iter(self, runner: Runner, **kwargs: Any) -> None:
        self._signal(runner, 'train')

    def before_val_iter(self, runner: Runner, **kwargs: Any) -> None:
        self._signal(runner, 'val')

    def _signal(self, runner: Runner, mode: str) -> None:
        if mode == self.mode and runner.iter == self.iteration and runner.rank == 0:
            os.kill(os.getpid(), self.number)


def train(config: Config, processes: int = 1, hooks: list[Hook] | None = None) -> int:
    """Train in fresh processes, from the newest whole checkpoint if there is one.

    Returns the exit status of the first process that failed; 0 where none did.
    """
    with tempfile.TemporaryDirectory() as store:
        try:
            start_processes(
                _train,
                (processes, store, config, hooks or []),
                nprocs=processes,
                start_method=START_METHOD,
            )
        except ProcessExitedException as error:
            return error.exit_code
    return 0


def join(rank: int, processes: int, store: str) -> None:
    """Make this process one of a gloo group, if there is more than one."""
    torch.set_num_threads(1)
    if processes > 1:
        os.environ['LOCAL_RANK'] = str(rank)
        torch.distributed.init_process_group(
            'gloo', init_method=f'file://{store}/store', rank=rank, world_size=processes
        )


def _train(rank: int, processes: int, store: str, config: Config, hooks: list[Hook]) -> None:
    join(rank, processes, store)
    config.launcher = 'none' if processes == 1 else 'pytorch'
    train_here(config, hooks)


def train_here(config: Config, hooks: Iterable[Hook] = ()) -> Runner:
    """Train in this process, from the newest whole checkpoint if there is one."""
    if start := newest_checkpoint(config.work_dir):
        config.resume, config.load_from = True, str(start)
    gc.freeze()
    with plain_configs():
        runner = Runner.from_cfg(config)
        for hook in hooks:
            runner.register_hook(hook)
        runner.train()
    return runner


def training_state(path: Path) -> dict[str, Any]:
    """Return all that a checkpoint holds but names and times, as flat plain values and tensors."""
    checkpoint = torch.load(path, weights_only=True)
    hub = checkpoint['message_hub']
    scalars = {key: item for key, item in hub['log_scalars'].items() if 'time' not in key}
    info = {key: hub['runtime_info'].get(key) for key in ('best_score', 'iter', 'keep_ckpt_ids')}
    kept = ('state_dict', 'optimizer', 'param_schedulers')
    state = {key: checkpoint[key] for key in kept}
    meta = checkpoint['meta']
    state.update(scalars=scalars, info=info, resume=meta['resume_state'], iter=meta['iter'])
    return dict(_flat('', state))


def _flat(name: str, value: Any):
    if isinstance(value, HistoryBuffer):
        value = [array.tolist() for array in value.data]
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _flat(f'{name}/{key}', value[key])
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _flat(f'{name}/{index}', item)
    else:
        yield name, value


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the names of what is not equal to the bit."""
    return [
        name
        for name in {**one, **other}
        if name not in one or name not in other or not _equal(one[name], other[name])
    ]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    return one == other
