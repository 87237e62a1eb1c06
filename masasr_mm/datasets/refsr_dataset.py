"""What the RefSR datasets have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmagic.datasets import BasicImageDataset
from mmengine.logging import print_log

from masasr_mm.errors import BrokenFileError, UserError
from masasr_mm.images.io import HEIF_SUFFIXES


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
        pipeline (Sequence[dict | Callable]): Transforms of each item. Defaults to none.
        metainfo (Mapping, optional): Further meta information. Defaults to None.
        test_mode (bool): Whether a pipeline that returns ``None`` is an error. Defaults to False.
        indices (int | Sequence[int], optional): Take only these items. Defaults to None (all).
        serialize_data (bool): Keep the items as bytes shared by the workers. Defaults to True.
        lazy_init (bool): Look at the folder only when it is needed. Defaults to False.
        max_refetch (int): How often to try another item where the pipeline returns ``None``.
            Defaults to 1000.
        backend_args (dict, optional): mmengine's file backend. Defaults to None (local files).
        max_broken (int): How many items may have a file that cannot be read. The next whole item
            takes the place of such a one, with a line in the log; ``BrokenDataHook`` tells the
            number at the end. All workers of a loader count together. Only for training, so that
            no test leaves out an image. Defaults to 0: the first one stops the run.

    Raises:
        UserError: If a folder or file that the layout asks for is not there.
    """

    FOLDERS: dict[str, str] = {'gt': ''}
    """Folder of each kind of image, relative to ``data_root``; the first one is listed."""
    LAYOUT: str = ''
    """The layout in the words of an error message."""
    SUFFIXES: tuple[str, ...] = ('.png', '.PNG')
    """Endings of the image files; those of HEIC count as well."""
    METAINFO: dict = dict(dataset_type='refsr', task_name='refsr')

    def __init__(
        self,
        data_root: str,
        data_prefix: Mapping[str, str] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        metainfo: Mapping | None = None,
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        lazy_init: bool = False,
        max_refetch: int = 1000,
        backend_args: dict | None = None,
        max_broken: int = 0,
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
            pipeline=pipeline,
            metainfo=metainfo,
            test_mode=test_mode,
            indices=indices,
            serialize_data=serialize_data,
            lazy_init=lazy_init,
            max_refetch=max_refetch,
            backend_args=backend_args,
            img_suffix=self.SUFFIXES,
            # BasicImageDataset writes into this dict and shares its default between instances.
            filename_tmpl={},
        )

    def full_init(self) -> None:
        """Look at the folder, and make the list of broken items that the workers share."""
        super().full_init()
        if self.max_broken:
            self._broken = torch.zeros(len(self), dtype=torch.bool).share_memory_()

    def prepare_data(self, idx: int) -> Any:
        """Return an item that went through the pipeline, or the next one if a file is broken.

        Args:
            idx (int): Number of the item.

        Returns:
            Any: What the pipeline returns.

        Raises:
            BrokenFileError: If a file is broken and ``max_broken`` is 0.
            UserError: If more items than that are broken.
        """
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
        """Return the items that were passed over up to now.

        Returns:
            list[dict]: What :meth:`get_data_info` says of them.
        """
        if not self.max_broken:
            return []
        return [self.get_data_info(index) for index in self._broken.nonzero().flatten().tolist()]

    def image_paths(self) -> list[str]:
        """Return the path of every image file of the dataset, HR images and references.

        Returns:
            list[str]: Paths, in the order of the items; each file once.
        """
        paths: list[str] = []
        for index in range(len(self)):
            item = self.get_data_info(index)
            references = item.get('ref_path', [])
            paths.append(item['gt_path'])
            paths += [references] if isinstance(references, str) else references
        return list(dict.fromkeys(paths))

    def layout_error(self, path: str, problem: str) -> UserError:
        """Return the error for a folder that is not laid out as it should be.

        Args:
            path (str): The file or folder in question.
            problem (str): What is wrong with it.

        Returns:
            UserError: One line with both, and with what is expected.
        """
        return UserError(
            f'{path.rstrip("/")}: {problem}; {type(self).__name__} expects {self.LAYOUT} '
            f'under {self.data_root} (docs/datasets.md says where to get it)'
        )

    def list_images(self, folder: str) -> list[str]:
        """Return the names of the image files in a folder, sorted.

        Args:
            folder (str): The folder, ``data_root`` included.

        Returns:
            list[str]: At least one file name, without the folder.

        Raises:
            UserError: If there is no such folder, or no image in it.
        """
        if not self.file_backend.isdir(folder):
            raise self.layout_error(folder, 'there is no such folder')
        suffixes = (*self.SUFFIXES, *HEIF_SUFFIXES, *map(str.upper, HEIF_SUFFIXES))
        names = self.file_backend.list_dir_or_file(folder, list_dir=False, suffix=suffixes)
        if not (names := sorted(names)):
            kinds = ' or '.join(dict.fromkeys(suffix.lower() for suffix in self.SUFFIXES))
            raise self.layout_error(folder, f'there is no {kinds} file in this folder')
        return names

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
