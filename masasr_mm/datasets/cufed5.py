"""CUFED5: the test set with five references an image."""

from __future__ import annotations

import os.path as osp
import re
from typing import Any

from mmagic.registry import DATASETS

from masasr_mm.errors import UserError

from .refsr_dataset import RefSRDataset

FILE_NAME = re.compile(r'(?P<key>.+)_(?P<number>[0-5])\.\w+')
"""``NNN_0.png`` is the HR image ``NNN``, ``NNN_1.png`` to ``NNN_5.png`` are its references."""


@DATASETS.register_module()
class CUFED5Dataset(RefSRDataset):
    """Images with references of falling similarity (Sec. 4.1: 126 images, 5 references each).

    The layout is ``NNN_0.png`` for the HR image with ``NNN_1.png`` to ``NNN_5.png`` for its
    references, or ``.jpg``. Own data may have fewer references, the same number for every image.
    An item has ``key`` (``NNN``), ``gt_path`` and ``ref_path``.

    Args:
        data_root (str): Folder with the images. Defaults to 'data/CUFED/test/CUFED5'.
        level (int, optional): 1 to 5 for the one reference of this similarity level
            (``ref_path`` is a str), None for all of them (``ref_path`` is a list, the most
            similar one first). Defaults to None.
        **kwargs: As for :class:`RefSRDataset`.

    Raises:
        UserError: If the folder is missing or empty, a name does not fit the layout, or an image
            lacks its HR file, a reference, or the reference of this level.
    """

    LAYOUT = 'NNN_0.png with its references NNN_1.png to NNN_5.png (or .jpg)'
    SUFFIXES = ('.png', '.PNG', '.jpg', '.JPG', '.jpeg', '.JPEG')

    def __init__(
        self, data_root: str = 'data/CUFED/test/CUFED5', level: int | None = None, **kwargs: Any
    ) -> None:
        if level is not None and level not in range(1, 6):
            raise UserError(
                f'CUFED5Dataset: level={level!r}, but the levels are 1 to 5; '
                'None takes all references'
            )
        self.level = level
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return one item for each HR image.

        Returns:
            list[dict]: Items with ``key``, ``gt_path`` and ``ref_path``.
        """
        folder = self.data_prefix['gt']
        groups = self._group(folder, self.list_images(folder))
        counts = {key: self._count_references(folder, key, group) for key, group in groups.items()}
        fewest, most = (choose(counts, key=counts.__getitem__) for choose in (min, max))
        if counts[fewest] != counts[most]:
            raise self.layout_error(
                folder,
                f'image {fewest} has {counts[fewest]} references, but image {most} has '
                f'{counts[most]}',
            )
        if self.level is not None and self.level > counts[most]:
            raise self.layout_error(
                folder, f'level={self.level}, but the images have {counts[most]} references'
            )
        return [self._item(folder, key, group) for key, group in groups.items()]

    def _group(self, folder: str, names: list[str]) -> dict[str, dict[int, str]]:
        """Return the file names by image and number."""
        groups: dict[str, dict[int, str]] = {}
        for name in names:
            match = FILE_NAME.fullmatch(name)
            if match is None:
                raise self.layout_error(
                    osp.join(folder, name), 'the name does not end in _0 (HR) or _1 to _5 (Ref)'
                )
            group = groups.setdefault(match['key'], {})
            other = group.setdefault(int(match['number']), name)
            if other != name:
                raise self.layout_error(
                    osp.join(folder, name), f'a second file for the same image, beside {other}'
                )
        return groups

    def _count_references(self, folder: str, key: str, group: dict[int, str]) -> int:
        """Return the number of references of an image after seeing that none is missing."""
        for number in range(max(*group, 1) + 1):
            if number not in group:
                kind = 'a reference' if number else 'the HR image'
                raise self.layout_error(
                    osp.join(folder, f'{key}_{number}'), f'{kind} of image {key} is missing'
                )
        return len(group) - 1

    def _item(self, folder: str, key: str, group: dict[int, str]) -> dict[str, Any]:
        """Return the item of an image."""
        gt_path, *references = (osp.join(folder, group[number]) for number in sorted(group))
        chosen = references if self.level is None else references[self.level - 1]
        return dict(key=key, gt_path=gt_path, ref_path=chosen)
