"""Patches of photographs, of which the pipeline makes pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmagic.registry import DATASETS

from .refsr_dataset import RefSRDataset


@DATASETS.register_module()
class PhotoPatchDataset(RefSRDataset):
    """Patches that are their own reference, which the pipeline turns into another view.

    The layout is ``*.png``. An item has ``key`` (the file name without its ending), ``gt_path``
    and ``ref_path`` (str), which is the same file, or now and then another one: the network shall
    also learn what to do with a reference that has nothing to give.

    Args:
        data_root (str): Folder with the patches. Defaults to 'data/photos/train'.
        unlike (float): Probability that the reference is another patch. Defaults to 0.1.
        **kwargs: As for :class:`RefSRDataset`.

    Raises:
        UserError: If the folder is missing or empty.
    """

    LAYOUT = '*.png (tools/dataset_converters/make_photos.py makes them)'

    def __init__(
        self, data_root: str = 'data/photos/train', unlike: float = 0.1, **kwargs: Any
    ) -> None:
        self.unlike = unlike
        super().__init__(data_root=data_root, **kwargs)

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Return an item, its reference drawn anew at each call.

        Args:
            idx (int): Number of the item.

        Returns:
            dict: With ``key``, ``gt_path`` and ``ref_path``.
        """
        item = super().get_data_info(idx)
        other = np.random.randint(len(self)) if np.random.random() < self.unlike else idx
        item['ref_path'] = super().get_data_info(other)['gt_path']
        return item
