"""mmengine's runner with a log off the screen, and with ``load_from='masasr_mm://photos'``."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import redirect_stdout

from mmengine.config import Config
from mmengine.runner import CheckpointLoader, Runner

from ..compat import concerns_the_user
from ..weights import SCHEME


def quiet_runner(config: Config) -> Runner:
    """Build a runner whose log goes to the work directory; the screen gets warnings and errors."""
    # mmengine writes the config and the environment to the screen while it builds the runner.
    with redirect_stdout(io.StringIO()):
        runner = Runner.from_cfg(config)
    for handler in runner.logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.setStream(sys.stderr)
            handler.setLevel(max(handler.level, logging.WARNING))
            handler.addFilter(concerns_the_user)
    return runner


def through_this_package(checkpoint: str | os.PathLike) -> str:
    """Return the name by which mmengine reads a checkpoint through this package."""
    return SCHEME + str(checkpoint).removeprefix(SCHEME)


@CheckpointLoader.register_scheme(prefixes=SCHEME)
def load_from_masasr_mm(filename: str, map_location: str | None = None) -> dict:
    """Read what follows ``masasr_mm://``: a shipped name, file, folder or URL; to the CPU."""
    from ..checkpoints.loading import read_checkpoint

    return read_checkpoint(filename)
