"""Pictures of the samples of a training or test: matches, and images side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from mmagic.registry import VISUALIZERS
from mmagic.structures import DataSample
from mmagic.visualization import ConcatImageVisualizer
from mmengine.visualization import Visualizer

from .match_picture import draw_matches


@VISUALIZERS.register_module()
class SideBySideVisualizer(ConcatImageVisualizer):
    """mmagic's ``ConcatImageVisualizer``, with stacked references laid side by side.

    The CUFED5 protocol stacks five references to one image five times as high as the others.
    """

    def add_datasample(self, data_sample: DataSample, step: int = 0) -> None:
        """Draw the images of a sample and write them."""
        if (number := _num_refs(data_sample)) > 1:
            data_sample = data_sample.new()
            references = data_sample.ref_img.chunk(number, dim=1)
            data_sample.set_data(dict(ref_img=torch.cat(references, dim=2)))
        super().add_datasample(data_sample, step)


@VISUALIZERS.register_module()
class MatchVisualizer(Visualizer):
    """Write a picture of where the texture of a sample came from.

    For a Runner whose visualizer shall draw nothing else, with mmagic's ``BasicVisualizationHook``;
    beside another visualizer use
    :class:`~masasr_mm.engine.hooks.testing.MatchVisualizationHook`.
    """

    def add_datasample(self, data_sample: DataSample, step: int = 0) -> None:
        """Draw the matches of a sample and write the picture."""
        self.add_image(picture_name(data_sample), draw_sample(data_sample), step)


def picture_name(data_sample: DataSample) -> str:
    """Return the name of a sample's picture, such as ``003_0_matches``."""
    return f'{Path(data_sample.gt_path).stem}_matches'


def draw_sample(data_sample: DataSample) -> np.ndarray:
    """Draw the matches of a sample as the editor ``MASA`` predicts it, uint8, RGB."""
    return draw_matches(
        _rgb(data_sample.input),
        _rgb(data_sample.output.pred_img),
        _rgb(data_sample.ref_img),
        data_sample.output.matches,
        _num_refs(data_sample),
    )


def _num_refs(data_sample: DataSample) -> int:
    if 'num_refs' in data_sample.metainfo:  # aligned ones are more than their files
        return data_sample.num_refs
    paths = data_sample.metainfo.get('ref_path')
    return len(paths) if isinstance(paths, (list, tuple)) else 1


def _rgb(image: torch.Tensor) -> np.ndarray:
    """Return a BGR tensor (3, H, W) of whole numbers as an RGB array (H, W, 3)."""
    return image.flip(0).permute(1, 2, 0).round().clamp(0, 255).byte().cpu().contiguous().numpy()
