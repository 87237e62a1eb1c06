"""Writing the images of a test."""

from __future__ import annotations

from pathlib import Path

import cv2
from mmagic.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...files import written_whole
from .tested_data import current_test_set


def image_file(gt_path: str, test_set: str | None) -> Path:
    """Return where an SR image belongs in the output folder.

    Args:
        gt_path (str): The HR image.
        test_set (str, optional): The name of its data set, if the test runs over several.

    Returns:
        Path: The name of the HR image as PNG, in a folder for each data set of several.
    """
    return Path(test_set or '') / f'{Path(gt_path).stem}.png'


@HOOKS.register_module()
class SaveImagesHook(Hook):
    """Write every SR image that is tested as a PNG, named after its HR image.

    The pixels are those that the metrics were computed from. A test over several data sets
    writes a folder for each.

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
        test_set = current_test_set(runner)
        for sample in outputs or ():
            image = sample.output.pred_img.permute(1, 2, 0).byte().numpy()
            _, content = cv2.imencode('.png', image)
            with written_whole(self.out_dir / image_file(sample.gt_path, test_set)) as temporary:
                temporary.write_bytes(content)  # which tells why it fails, other than OpenCV
