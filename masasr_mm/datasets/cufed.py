"""CUFED: the training pairs."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmagic.registry import DATASETS

from masasr_mm.errors import UserError

from .refsr_dataset import RefSRDataset


@DATASETS.register_module()
class CUFEDDataset(RefSRDataset):
    """Pairs of an input image and its reference (Sec. 4.1: 11,871 pairs of 160×160).

    The layout is ``input/*.png`` with ``ref/*.png`` (or ``.jpg``), where a pair has one file name.
    An item has ``key`` (the file name without its ending), ``gt_path`` and ``ref_path`` (str).

    Args:
        data_root (str): Folder with ``input`` and ``ref``. Defaults to 'data/CUFED/train'.
        split (str, optional): 'val' takes every tenth pair, 'train' the others. Defaults to None
            (all pairs).
        **kwargs: As for :class:`RefSRDataset`.

    Raises:
        UserError: If a folder is missing or empty, or an image has no partner.

    Examples:
        >>> dataset = CUFEDDataset('data/CUFED/train')
        >>> dataset.get_data_info(0)['ref_path']
        'data/CUFED/train/ref/000000.png'
    """

    FOLDERS = {'gt': 'input', 'ref': 'ref'}
    LAYOUT = 'input/*.png and ref/*.png (or .jpg) with the same file names'
    SUFFIXES = ('.png', '.PNG', '.jpg', '.JPG', '.jpeg', '.JPEG')

    def __init__(
        self, data_root: str = 'data/CUFED/train', split: str | None = None, **kwargs: Any
    ) -> None:
        if split not in (None, 'train', 'val'):
            raise UserError(f"CUFEDDataset: split={split!r} is neither 'train' nor 'val'")
        self.split = split
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
        items = super().load_data_list()
        if self.split is None:
            return items
        validates = self.split == 'val'
        return [item for i, item in enumerate(items) if (i % 10 == 0) == validates]
