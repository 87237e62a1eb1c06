"""Urban100: a test set without references."""

from __future__ import annotations

from typing import Any

from mmagic.registry import DATASETS

from .refsr_dataset import RefSRDataset


@DATASETS.register_module()
class Urban100Dataset(RefSRDataset):
    """Images of buildings (Sec. 4.1: 100 images), where the LR image is its own reference.

    The layout is ``*.png``. An item has ``key`` and ``gt_path``; the pipeline makes the reference
    from the LR image.

    Args:
        data_root (str): Folder with the images. Defaults to 'data/Urban100'.
        **kwargs: As for :class:`RefSRDataset`.

    Raises:
        UserError: If the folder is missing or has no image.
    """

    LAYOUT = '*.png'

    def __init__(self, data_root: str = 'data/Urban100', **kwargs: Any) -> None:
        super().__init__(data_root=data_root, **kwargs)
