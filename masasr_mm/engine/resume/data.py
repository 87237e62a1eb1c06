"""Training samples that depend on their place in the training alone, not on who prepares them.

torchdata's ``StatefulDataLoader`` does not do: it restores which samples come next, but not the
random numbers of augmentations in workers, and wants as many workers as before.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from mmagic.registry import DATA_SAMPLERS, DATASETS
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Dataset, Sampler

from masasr_mm.datasets.transforms.augmentation import training_progress
from masasr_mm.errors import UserError


def random_states() -> dict[str, Any]:
    """Return the states of Python's, NumPy's and torch's generators, as a checkpoint may hold."""
    name, keys, *rest = np.random.get_state()
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return dict(
        python=random.getstate(),
        numpy=(name, torch.from_numpy(keys.astype(np.int64)), *rest),
        torch=torch.get_rng_state(),
        cuda=cuda,
    )


def set_random_states(states: dict[str, Any]) -> None:
    """Give all generators the states that :func:`random_states` returned, here or elsewhere."""
    version, internal, gauss = states['python']
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = states['numpy']
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states['torch'].cpu())
    if states['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Seed all generators but CUDA's by non-negative numbers, and give back their states after."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    words = np.random.SeedSequence(numbers).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(words[1:3])
    torch.default_generator.manual_seed(int(words[3]))
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)


class StreamItem(NamedTuple):
    """What a :class:`PositionedSampler` asks a :class:`SeededDataset` for."""

    index: int
    seed: int
    position: int  # how many samples all processes together drew before
    progress: float  # the share of the training that passes before the sample is used


@DATA_SAMPLERS.register_module()
class PositionedSampler(Sampler):
    """Another sampler's indices, without end, with their positions, from any position on.

    Indices that lie before the start are drawn and dropped, which takes a second for millions of
    them; no data is read.

    Args:
        dataset (Sized): The dataset.
        sampler (dict): Config of the sampler that draws the indices, such as ``InfiniteSampler``;
            a finite one is begun again, as the next epoch, when it has ended.
        batch_size (int): Samples of an iteration in one process.
        max_iters (int): Iterations of the training.
        seed (int, optional): Seed, the same in all processes. Default: None (drawn together).
    """

    def __init__(
        self,
        dataset: Sized,
        sampler: dict,
        batch_size: int,
        max_iters: int,
        seed: int | None = None,
    ) -> None:
        self.dataset = dataset
        self.sampler = sampler
        self.batch_size = batch_size
        self.max_iters = max_iters
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.iteration = 0
        self.position = 0

    def start_from(self, iteration: int, position: int, seed: int) -> None:
        """Set the next iterator's first iteration, its samples drawn before, and its seed."""
        self.iteration, self.position, self.seed = iteration, position, seed

    def __iter__(self) -> Iterator[StreamItem]:
        first = self.position // self.world_size
        for count, index in enumerate(itertools.islice(self._indices(), first, None)):
            position = (first + count) * self.world_size + self.rank
            iteration = self.iteration + count // self.batch_size
            yield StreamItem(index, self.seed, position, iteration / self.max_iters)

    def __len__(self) -> int:
        return len(self.dataset)

    def _indices(self) -> Iterator[int]:
        """Yield the other sampler's indices from the beginning, epoch after epoch."""
        sampler = DATA_SAMPLERS.build(
            self.sampler, default_args=dict(dataset=self.dataset, seed=self.seed)
        )
        for epoch in itertools.count():
            if hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(epoch)
            yield from sampler


@DATASETS.register_module()
class SeededDataset(Dataset):
    """A dataset whose random transforms draw the same for the same position in the training.

    It does not matter then which process or worker prepares a sample, how many there are, and what
    they prepared before. Each sample costs about 0.1 ms more.

    Args:
        dataset (dict | Dataset): The dataset or its config. Its attributes can be read through this
            one.
    """

    def __init__(self, dataset: dict | Dataset) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset

    def __getitem__(self, item: StreamItem) -> Any:
        with training_progress(item.progress), seeded(item.seed, item.position):
            return self.dataset[item.index]

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        if name == 'dataset':  # not yet there, as while a copy is being made
            raise AttributeError(name)
        return getattr(self.dataset, name)


def positioned(dataloader: dict, max_iters: int) -> dict:
    """Return the config of a dataloader that asks for samples by their position."""
    if not isinstance(dataloader, dict) or 'sampler' not in dataloader:
        raise UserError(
            'ResumableTrainLoop needs the config of a dataloader with a sampler; with a DataLoader '
            "of your own use train_cfg=dict(type='IterBasedTrainLoop', ...)"
        )
    if 'batch_sampler' in dataloader:
        raise UserError(
            'ResumableTrainLoop: train_dataloader.batch_sampler hides the position of the samples; '
            "remove it, or use train_cfg=dict(type='IterBasedTrainLoop', ...)"
        )
    sampler = dict(
        type='PositionedSampler',
        sampler=dataloader['sampler'],
        batch_size=dataloader['batch_size'],
        max_iters=max_iters,
    )
    dataset = dict(type='SeededDataset', dataset=dataloader['dataset'])
    config = dict(dataloader, sampler=sampler, dataset=dataset)
    # mmengine's seeds the workers, which samples do for themselves here.
    config.setdefault('worker_init_fn', dict(type=outlive_stop_signals))
    config.pop('disable_subprocess_warning', None)
    return config


def outlive_stop_signals(worker_id: int = 0) -> None:
    """Let a data loader's worker outlive signals that are sent to all processes of a job.

    The process that it works for still ends it, by SIGTERM or when it has no more work. On macOS
    and Windows, which do not name the sender of a signal, SIGTERM ends it whoever sends it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, 'sigwaitinfo'):
        # Only who waits for a signal learns who has sent it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_by_parent, daemon=True).start()


def _end_by_parent() -> None:
    """Wait until the parent process sends SIGTERM, and end this process."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
