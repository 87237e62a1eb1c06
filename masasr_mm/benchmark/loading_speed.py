"""How many training pairs a dataloader gives in a second."""

from __future__ import annotations

import time
from itertools import chain, repeat
from typing import NamedTuple

from mmengine.runner import Runner

from ..config import load_config


class LoadingSpeed(NamedTuple):
    """What was measured.

    Attributes:
        first (float): Seconds until the first batch was there, the start of the workers included.
        pairs_per_second (list[float]): Of every round.
        batch_size (int): Pairs in a batch.
        workers (int): Processes that load.
    """

    first: float
    pairs_per_second: list[float]
    batch_size: int
    workers: int


def measure_loading(
    config: str, options: dict | None = None, batches: int = 50, rounds: int = 5
) -> LoadingSpeed:
    """Run the training dataloader of a config with nothing else to do.

    Args:
        config (str): The config file.
        options (dict, optional): Changes of the config. Default: None.
        batches (int): Batches in a round. Default: 50.
        rounds (int): Rounds that are measured, after one that is not. Default: 5.

    Returns:
        LoadingSpeed: Pairs a second.
    """
    settings = load_config(config, options)
    loader = Runner.build_dataloader(settings.train_dataloader, seed=0)
    start = time.perf_counter()
    given = chain.from_iterable(repeat(loader))
    next(given)
    first = time.perf_counter() - start
    rates = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for _ in range(batches):
            next(given)
        rates.append(batches * loader.batch_size / (time.perf_counter() - start))
    return LoadingSpeed(first, rates[1:], loader.batch_size, loader.num_workers)
