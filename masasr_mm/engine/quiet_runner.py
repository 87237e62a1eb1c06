"""A runner that keeps its log off the screen."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import redirect_stdout

from mmengine.config import Config
from mmengine.runner import Runner

from ..compat import concerns_the_user


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
