"""A runner with less on the screen; how weights are read and updated in a training."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
from mmagic.registry import OPTIM_WRAPPERS, PARAM_SCHEDULERS
from mmengine.config import Config
from mmengine.optim import CosineAnnealingLR, OptimWrapper
from mmengine.runner import CheckpointLoader, Runner
from torch import nn

from ..compat import concerns_the_user
from ..weights import SCHEME

PROBLEM = re.compile(r'\d.* - \S*(WARNING|ERROR)\S* - ')
"""The first line of a warning or an error in mmengine's log, which may be coloured."""


def build_runner(config: Config, quiet: bool = False) -> Runner:
    """Build a runner whose config and environment are in the log of the work directory alone.

    ``quiet`` keeps all else off the screen, too, but for warnings and errors.
    """
    # mmengine writes hundreds of lines to the screen while it builds the runner.
    with redirect_stdout(io.StringIO()) as lines:
        runner = Runner.from_cfg(config)
    for handler in runner.logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.setStream(sys.stderr if quiet else sys.stdout)
            if quiet:
                handler.setLevel(max(handler.level, logging.WARNING))
                handler.addFilter(concerns_the_user)
    if not quiet:
        for line in lines.getvalue().splitlines():
            if PROBLEM.match(line):
                print(line)
        runner.logger.info(f'config and environment are in the log in {runner.log_dir}')
    return runner


def through_this_package(checkpoint: str | os.PathLike) -> str:
    """Return the name by which mmengine reads a checkpoint through this package."""
    return SCHEME + str(checkpoint).removeprefix(SCHEME)


@CheckpointLoader.register_scheme(prefixes=SCHEME)
def load_from_masasr_mm(filename: str, map_location: str | None = None) -> dict:
    """Read what follows ``masasr_mm://``: a shipped name, file, folder or URL; to the CPU."""
    from ..checkpoints.loading import read_checkpoint

    return read_checkpoint(filename)


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """An optimizer wrapper whose forward pass runs under autocast to bfloat16, on any device.

    bfloat16 has the range of float32, so that no gradient vanishes and no loss need be scaled;
    mmengine's ``AmpOptimWrapper``, which scales, works on GPUs alone. Weights, their gradients and
    the optimizer stay in float32.

    Args:
        **kwargs: As for mmengine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass of a model under autocast."""
        device: Any = self.optimizer.param_groups[0]['params'][0].device
        with super().optim_context(model), torch.autocast(device.type, torch.bfloat16):
            yield


@PARAM_SCHEDULERS.register_module()
class HalfCosineAnnealingLR(CosineAnnealingLR):
    """The first half of a cosine annealing, as released: at the end the rate is half of the first.

    Args:
        optimizer (Optimizer | BaseOptimWrapper): Whose learning rate is annealed.
        end (int): Where the training ends; mmengine's Runner gives its length.
        **kwargs: As for mmengine's ``CosineAnnealingLR``, but for ``T_max``, which is twice the
            length.
    """

    def __init__(self, optimizer: Any, *, end: int, **kwargs: Any) -> None:
        super().__init__(optimizer, T_max=2 * (end - kwargs.get('begin', 0)), end=end, **kwargs)
