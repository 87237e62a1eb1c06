"""A process of a distributed training that dies; configs import this to have the hook."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from tests.conftest import plain_configs

plain_configs().start()  # as in the tests' own process


@HOOKS.register_module()
class DyingRank(Hook):
    """Kills the process of a rank as an iteration begins, once: while there is no ``marker``."""

    def __init__(self, rank: int, iteration: int, marker: str) -> None:
        self.rank, self.iteration, self.marker = rank, iteration, Path(marker)

    def before_train_iter(self, runner: Runner, **kwargs: Any) -> None:
        """Die, if it is time."""
        due = (runner.rank, runner.iter) == (self.rank, self.iteration)
        if due and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
