"""A moving average of the weights that a stopped validation leaves whole."""

from __future__ import annotations

from mmagic.registry import HOOKS
from mmengine.hooks import EMAHook
from mmengine.runner import Runner


@HOOKS.register_module()
class ResumableEMAHook(EMAHook):
    """mmengine's exponential moving average of the weights, for trainings that can be stopped.

    A validation runs with the averaged weights in the place of the trained ones. Where
    :class:`StopOnSignalHook` ends one, they change places again before the checkpoint is written.
    The arguments are those of mmengine's ``EMAHook``.
    """

    def after_validation_stopped(self, runner: Runner) -> None:
        """Put the trained weights back.

        Args:
            runner (Runner): The runner of the training.
        """
        self._swap_ema_parameters()
