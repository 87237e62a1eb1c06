"""Data sets for reference-based super-resolution: pairs of an image and its references."""

from __future__ import annotations

import hashlib
import logging
import os.path as osp
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmagic.datasets import BasicImageDataset
from mmagic.registry import DATASETS
from mmengine.logging import print_log

from masasr_mm.errors import BrokenFileError, UserError
from masasr_mm.images.io import HEIF_SUFFIXES

CUFED5_NAME = re.compile(r'(?P<key>.+)_(?P<number>[0-5])\.\w+')
"""``NNN_0.png`` is the HR image ``NNN``, ``NNN_1.png`` to ``NNN_5.png`` are its references."""


class RefSRDataset(BasicImageDataset):
    """Base of the datasets for reference-based super-resolution: sorted files, clear complaints.

    A subclass names its folders in :attr:`FOLDERS` and describes them in :attr:`LAYOUT`. Every
    item has ``key`` (str), ``gt_path`` (str) and, where the layout has references, ``ref_path``
    (str or list[str]); the images themselves are read by the pipeline. The files are listed
    through mmengine's file backend, so ``backend_args`` works as it does in mmagic.

    Args:
        data_root (str): The dataset's folder; a relative one starts at the working directory.
        data_prefix (Mapping[str, str], optional): Other folders than the layout's, relative to
            ``data_root``. Defaults to None.
        test_mode (bool): Whether a pipeline that returns ``None`` is an error. Defaults to False.
        max_broken (int): How many items may have a file that cannot be read. The next whole item
            takes the place of such a one, with a line in the log; ``BrokenDataHook`` tells the
            number at the end. All workers of a loader count together. Only for training, so that
            no test leaves out an image. Defaults to 0: the first one stops the run.
        **kwargs: As for mmagic's ``BasicImageDataset``, such as ``pipeline``, ``indices`` and
            ``backend_args``.

    Raises:
        UserError: If a folder or file that the layout asks for is not there.
    """

    FOLDERS: dict[str, str] = {'gt': ''}
    """Folder of each kind of image, relative to ``data_root``; the first one is listed."""
    LAYOUT: str = ''
    """The layout in the words of an error message."""
    SUFFIXES: tuple[str, ...] = ('.png',)
    """Endings of the image files, in small letters; files may have them in capitals, or HEIC's."""
    METAINFO: dict = dict(dataset_type='refsr', task_name='refsr')

    def __init__(
        self,
        data_root: str,
        data_prefix: Mapping[str, str] | None = None,
        test_mode: bool = False,
        max_broken: int = 0,
        **kwargs: Any,
    ) -> None:
        if max_broken and test_mode:
            raise UserError(
                f'{type(self).__name__}: max_broken={max_broken} with test_mode=True; a test needs '
                'every image'
            )
        self.max_broken = max_broken
        super().__init__(
            data_root=data_root,
            data_prefix={**self.FOLDERS, **(data_prefix or {})},
            test_mode=test_mode,
            # BasicImageDataset writes into this dict and shares its default between instances.
            filename_tmpl={},
            img_suffix=self.SUFFIXES,
            **kwargs,
        )

    def full_init(self) -> None:
        """Look at the folder, and make the list of broken items that the workers share."""
        super().full_init()
        if self.max_broken:
            self._broken = torch.zeros(len(self), dtype=torch.bool).share_memory_()

    def prepare_data(self, idx: int) -> Any:
        """Return an item that went through the pipeline, or the next one if a file is broken."""
        if not self.max_broken:
            return super().prepare_data(idx)
        for step in range(len(self)):
            index = (idx + step) % len(self)
            try:
                return super().prepare_data(index)
            except BrokenFileError as error:
                self._pass_over(index, error)
        raise UserError(f'{self.data_root}: not one item can be read')

    def broken_items(self) -> list[dict]:
        """Return the items that were passed over up to now."""
        if not self.max_broken:
            return []
        return [self.get_data_info(index) for index in self._broken.nonzero().flatten().tolist()]

    def image_paths(self) -> list[str]:
        """Return the path of every image file of the dataset, HR images and references."""
        paths: list[str] = []
        for index in range(len(self)):
            item = self.get_data_info(index)
            references = item.get('ref_path', [])
            paths.append(item['gt_path'])
            paths += [references] if isinstance(references, str) else references
        return list(dict.fromkeys(paths))

    def layout_error(self, path: str, problem: str) -> UserError:
        """Return the error for a folder that is not laid out as it should be."""
        return UserError(
            f'{path.rstrip("/")}: {problem}; {type(self).__name__} expects {self.LAYOUT} '
            f'under {self.data_root} (docs/paper.md says where to get it)'
        )

    def list_images(self, folder: str) -> list[str]:
        """Return the names of the image files in a folder, sorted."""
        if not self.file_backend.isdir(folder):
            raise self.layout_error(folder, 'there is no such folder')
        names = self.file_backend.list_dir_or_file(folder, list_dir=False)
        suffixes = (*self.SUFFIXES, *HEIF_SUFFIXES)
        if images := sorted(name for name in names if name.lower().endswith(suffixes)):
            return images
        kinds = ' or '.join(self.SUFFIXES)
        raise self.layout_error(folder, f'there is no {kinds} file in this folder')

    def _pass_over(self, index: int, error: BrokenFileError) -> None:
        """Count a broken item, once."""
        if self._broken[index]:
            return
        self._broken[index] = True
        count = int(self._broken.sum())
        if count > self.max_broken:
            raise UserError(
                f'{error}; {count} items are broken, more than max_broken={self.max_broken}'
            )
        print_log(
            f'{error}; passed over, the next item takes its place ({count} of at most '
            f'{self.max_broken})',
            'current',
            logging.WARNING,
        )

    def _get_path_list_from_folder(self) -> list[str]:
        """Return the names of the HR images, sorted (file systems list in any order)."""
        return self.list_images(self.data_prefix[self.search_key])


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
    """

    FOLDERS = {'gt': 'input', 'ref': 'ref'}
    LAYOUT = 'input/*.png and ref/*.png (or .jpg) with the same file names'
    SUFFIXES = ('.png', '.jpg', '.jpeg')

    def __init__(
        self, data_root: str = 'data/CUFED/train', split: str | None = None, **kwargs: Any
    ) -> None:
        if split not in (None, 'train', 'val'):
            raise UserError(f"CUFEDDataset: split={split!r} is neither 'train' nor 'val'")
        self.split = split
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return one item for each pair."""
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
    SUFFIXES = ('.png', '.jpg', '.jpeg')

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
        """Return one item for each HR image."""
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
        items = []
        for key, group in groups.items():
            gt_path, *references = (osp.join(folder, group[number]) for number in sorted(group))
            chosen = references if self.level is None else references[self.level - 1]
            items.append(dict(key=key, gt_path=gt_path, ref_path=chosen))
        return items

    def _group(self, folder: str, names: list[str]) -> dict[str, dict[int, str]]:
        """Return the file names by image and number."""
        groups: dict[str, dict[int, str]] = {}
        for name in names:
            match = CUFED5_NAME.fullmatch(name)
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
    SUFFIXES = ('.jpg', '.jpeg')

    def __init__(self, data_root: str = 'data/Sun80', seed: int = 0, **kwargs: Any) -> None:
        self.seed = seed
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return one item for each HR image."""
        items = super().load_data_list()
        for item in items:
            matches = self.scene_matches(item['gt_path'])
            drawn_by = f'{self.seed}/{osp.basename(item["gt_path"])}'
            digest = hashlib.sha256(drawn_by.encode()).digest()
            item['ref_path'] = matches[int.from_bytes(digest, 'big') % len(matches)]
        return items

    def scene_matches(self, gt_path: str) -> list[str]:
        """Return the paths of all scene matches of an HR image, sorted."""
        folder = osp.join(self.data_prefix['ref'], osp.basename(gt_path))
        return [osp.join(folder, name) for name in self.list_images(folder)]

    def image_paths(self) -> list[str]:
        """Return the path of every image file, all scene matches included."""
        gt_paths = [self.get_data_info(index)['gt_path'] for index in range(len(self))]
        return [path for gt in gt_paths for path in (gt, *self.scene_matches(gt))]


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
        """Return an item, its reference drawn anew at each call."""
        item = super().get_data_info(idx)
        other = np.random.randint(len(self)) if np.random.random() < self.unlike else idx
        item['ref_path'] = super().get_data_info(other)['gt_path']
        return item
