"""Pictures of matches during validation and test."""

from __future__ import annotations

from collections.abc import Sequence

from mmagic.registry import HOOKS
from mmagic.structures import DataSample
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...errors import UserError
from ...visualization.visualizers import draw_sample, picture_name


@HOOKS.register_module()
class MatchVisualizationHook(Hook):
    """Draw where the texture of some images came from, through the Runner's visualizer.

    The pictures go wherever that one writes to: a folder, TensorBoard. With several processes the
    first one draws its own images.

    Args:
        interval (int): Every how many batches; 1 draws all images. Default: 25.
        on_val (bool): Draw during validation. Default: True.
        on_test (bool): Draw during test. Default: True.

    Example:
        >>> custom_hooks = [dict(type='MatchVisualizationHook', interval=25)]
    """

    def __init__(self, interval: int = 25, on_val: bool = True, on_test: bool = True) -> None:
        self.interval = interval
        self.on_val = on_val
        self.on_test = on_test

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[DataSample] | None = None,
    ) -> None:
        """Draw the images of one batch.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Which batch it is.
            data_batch (dict, optional): The batch; not used.
            outputs (Sequence[DataSample], optional): Its samples with predictions.
        """
        if self.on_val:
            self._draw(runner, batch_idx, outputs or ())

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[DataSample] | None = None,
    ) -> None:
        """Draw the images of one batch.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Which batch it is.
            data_batch (dict, optional): The batch; not used.
            outputs (Sequence[DataSample], optional): Its samples with predictions.
        """
        if self.on_test:
            self._draw(runner, batch_idx, outputs or ())

    @master_only
    def _draw(self, runner: Runner, batch_idx: int, samples: Sequence[DataSample]) -> None:
        if batch_idx % self.interval:
            return
        for sample in samples:
            if sample.output.get('matches') is None:
                raise UserError(
                    'the network of this config tells no matches, so there are none to draw: leave '
                    'MatchVisualizationHook, or --show-matches, out'
                )
            runner.visualizer.add_image(picture_name(sample), draw_sample(sample), runner.iter)
