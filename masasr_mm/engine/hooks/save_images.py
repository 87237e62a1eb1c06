"""Writing the images of a test."""

from __future__ import annotations

from pathlib import Path

import cv2
from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...files import written_whole


@HOOKS.register_module()
class SaveImagesHook(Hook):
    """Write every SR image that is tested as a PNG, named after its HR image.

    The pixels are those that the metrics were computed from.

    Args:
        out_dir (str): The folder; made if needed.
    """

    def __init__(self, out_dir: str) -> None:
        self.out_dir = Path(out_dir)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Write the images of one batch.

        Args:
            runner (Runner): The runner.
            batch_idx (int): Which batch it is.
            data_batch (dict, optional): The batch.
            outputs (list[DataSample], optional): Its samples with predictions.
        """
        for sample in outputs or ():
            image = sample.output.pred_img.permute(1, 2, 0).byte().numpy()
            with written_whole(self.out_dir / f'{Path(sample.gt_path).stem}.png') as temporary:
                if not cv2.imwrite(str(temporary), image):
                    raise OSError('OpenCV could not encode the image')
