"""Sun80: test images with scene matches from the web."""

from __future__ import annotations

import hashlib
import os.path as osp
from typing import Any

from mmagic.registry import DATASETS

from .refsr_dataset import RefSRDataset


@DATASETS.register_module()
class Sun80Dataset(RefSRDataset):
    """Images with one of their scene matches as the reference (Sec. 4.1: 80 images).

    The layout is ``Sun_Hays_SR_groundtruth/*.jpg`` with
    ``Sun_Hays_SR_scenematches/<HR file name>/*.jpg``. The released code takes a scene match at
    random in each run; here it is drawn by a hash of the seed and the file name, so that it is
    the same in every run and on every machine. An item has ``key``, ``gt_path`` and ``ref_path``
    (str).

    Args:
        data_root (str): Folder with both. Defaults to 'data/Sun80'.
        seed (int): Another seed draws other scene matches. Defaults to 0.
        **kwargs: As for :class:`RefSRDataset`.

    Raises:
        UserError: If a folder is missing or empty.
    """

    FOLDERS = {'gt': 'Sun_Hays_SR_groundtruth', 'ref': 'Sun_Hays_SR_scenematches'}
    LAYOUT = (
        'Sun_Hays_SR_groundtruth/*.jpg and Sun_Hays_SR_scenematches/<name of the HR file>/*.jpg'
    )
    SUFFIXES = ('.jpg', '.JPG', '.jpeg', '.JPEG')

    def __init__(self, data_root: str = 'data/Sun80', seed: int = 0, **kwargs: Any) -> None:
        self.seed = seed
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return one item for each HR image.

        Returns:
            list[dict]: Items with ``key``, ``gt_path`` and ``ref_path``.
        """
        items = super().load_data_list()
        for item in items:
            matches = self.scene_matches(item['gt_path'])
            item['ref_path'] = matches[self._draw(osp.basename(item['gt_path']), len(matches))]
        return items

    def scene_matches(self, gt_path: str) -> list[str]:
        """Return the paths of all scene matches of an HR image, sorted.

        Args:
            gt_path (str): Path of the HR image.

        Returns:
            list[str]: At least one path.

        Raises:
            UserError: If there is no folder of scene matches, or no image in it.
        """
        folder = osp.join(self.data_prefix['ref'], osp.basename(gt_path))
        return [osp.join(folder, name) for name in self.list_images(folder)]

    def image_paths(self) -> list[str]:
        """Return the path of every image file, all scene matches included.

        Returns:
            list[str]: Paths, in the order of the items.
        """
        gt_paths = [self.get_data_info(index)['gt_path'] for index in range(len(self))]
        return [path for gt in gt_paths for path in (gt, *self.scene_matches(gt))]

    def _draw(self, name: str, count: int) -> int:
        """Return a number below ``count`` that depends on the seed and the name alone."""
        digest = hashlib.sha256(f'{self.seed}/{name}'.encode()).digest()
        return int.from_bytes(digest, 'big') % count
