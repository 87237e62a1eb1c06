"""CUFED: the training pairs."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmagic.registry import DATASETS

from .refsr_dataset import RefSRDataset


@DATASETS.register_module()
class CUFEDDataset(RefSRDataset):
    """Pairs of an input image and its reference (Sec. 4.1: 11,871 pairs of 160×160).

    The layout is ``input/*.png`` with ``ref/*.png``, where a pair has one file name. An item has
    ``key`` (the file name without its ending), ``gt_path`` and ``ref_path`` (str).

    Args:
        data_root (str): Folder with ``input`` and ``ref``. Defaults to 'data/CUFED/train'.
        **kwargs: As for :class:`RefSRDataset`.

    Raises:
        UserError: If a folder is missing or empty, or an image has no partner.

    Examples:
        >>> dataset = CUFEDDataset('data/CUFED/train')
        >>> dataset.get_data_info(0)['ref_path']
        'data/CUFED/train/ref/000000.png'
    """

    FOLDERS = {'gt': 'input', 'ref': 'ref'}
    LAYOUT = 'input/*.png and ref/*.png with the same file names'

    def __init__(self, data_root: str = 'data/CUFED/train', **kwargs: Any) -> None:
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return one item for each pair.

        Returns:
            list[dict]: Items with ``key``, ``gt_path`` and ``ref_path``.
        """
        names = {kind: self.list_images(folder) for kind, folder in self.data_prefix.items()}
        for kind, partner in (('ref', 'gt'), ('gt', 'ref')):
            if missing := sorted(set(names[partner]) - set(names[kind])):
                raise self.layout_error(
                    osp.join(self.data_prefix[kind], missing[0]),
                    f'missing, though {self.data_prefix[partner]} has a file of this name '
                    f'({len(names["gt"])} input images, {len(names["ref"])} references, '
                    f'{len(missing)} like this)',
                )
        return super().load_data_list()
