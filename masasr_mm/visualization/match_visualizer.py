"""Pictures of matches from the samples of a training or test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmagic.registry import VISUALIZERS
from mmagic.structures import DataSample
from mmengine.visualization import Visualizer

from .match_picture import draw_matches


@VISUALIZERS.register_module()
class MatchVisualizer(Visualizer):
    """Write a picture of where the texture of a sample came from.

    For a Runner whose visualizer shall draw nothing else, with mmagic's ``BasicVisualizationHook``;
    beside another visualizer use
    :class:`~masasr_mm.engine.hooks.match_visualization.MatchVisualizationHook`.
    """

    def add_datasample(self, data_sample: DataSample, step: int = 0) -> None:
        """Draw the matches of a sample and write the picture.

        Args:
            data_sample (DataSample): As the editor ``MASA`` predicts it.
            step (int): Global step value to record. Default: 0.
        """
        self.add_image(picture_name(data_sample), draw_sample(data_sample), step)


def picture_name(data_sample: DataSample) -> str:
    """Return the name of a sample's picture.

    Args:
        data_sample (DataSample): With ``gt_path`` among its metainfo.

    Returns:
        str: Such as ``003_0_matches``.
    """
    return f'{Path(data_sample.gt_path).stem}_matches'


def draw_sample(data_sample: DataSample) -> np.ndarray:
    """Draw the matches of a sample.

    Args:
        data_sample (DataSample): As the editor ``MASA`` predicts it: ``input``, ``ref_img``
            and ``output`` with ``pred_img`` and ``matches``. Its metainfo ``ref_path`` says of how
            many references it is made.

    Returns:
        np.ndarray: The picture, uint8, RGB.
    """
    paths = data_sample.metainfo.get('ref_path')
    num_refs = len(paths) if isinstance(paths, (list, tuple)) else 1
    return draw_matches(
        _rgb(data_sample.input),
        _rgb(data_sample.output.pred_img),
        _rgb(data_sample.ref_img),
        data_sample.output.matches,
        num_refs,
    )


def _rgb(image: torch.Tensor) -> np.ndarray:
    """Return a BGR tensor (3, H, W) of whole numbers as an RGB array (H, W, 3)."""
    return image.flip(0).permute(1, 2, 0).round().clamp(0, 255).byte().cpu().contiguous().numpy()
