"""The picture that training and testing write: lq | sr | gt | ref."""

from __future__ import annotations

import torch
from mmagic.registry import VISUALIZERS
from mmagic.structures import DataSample
from mmagic.visualization import ConcatImageVisualizer


@VISUALIZERS.register_module()
class SideBySideVisualizer(ConcatImageVisualizer):
    """mmagic's ``ConcatImageVisualizer``, with stacked references laid side by side.

    The CUFED5 protocol stacks five references to one image five times as high as the others.
    """

    def add_datasample(self, data_sample: DataSample, step: int = 0) -> None:
        """Draw the images of a sample and write them.

        Args:
            data_sample (DataSample): With ``ref_img`` (3, n·H, W); its metainfo ``ref_path`` says
                of how many references it is made.
            step (int): Global step value to record. Default: 0.
        """
        paths = data_sample.metainfo.get('ref_path')
        if isinstance(paths, (list, tuple)) and len(paths) > 1:
            data_sample = data_sample.new()
            references = data_sample.ref_img.chunk(len(paths), dim=1)
            data_sample.set_data(dict(ref_img=torch.cat(references, dim=2)))
        super().add_datasample(data_sample, step)
