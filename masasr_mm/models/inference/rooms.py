"""Room for features that grow with the photo: in memory, or in files where memory is scarce."""

from __future__ import annotations

import errno
import math
import mmap
import os
import tempfile
import weakref
from collections.abc import Sequence
from typing import IO

import torch
from torch import Tensor

from ...errors import UserError
from ...system import folder_on_disk, free_memory

LARGEST_SHARE = 1 / 8
"""Of the memory that is free; what takes more of it lies in a file."""
CHUNK = 2**24
"""Bytes of zeros that are written at once."""


class Rooms:
    """Makes tensors of which the large ones lie in files, which the system writes as it must.

    A file belongs to one tensor and disappears with it. It is of no name, so that nothing is left
    behind however the process ends. On GPUs everything stays in the GPU's memory.

    Args:
        largest (int, optional): Bytes from which a tensor lies in a file. Default: None, an
            eighth of the memory that is free when the tensor is made.
    """

    def __init__(self, largest: int | None = None) -> None:
        self.largest = largest
        self._files: list[weakref.ref[mmap.mmap]] = []

    def zeros(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
        """Make a tensor of zeros.

        Args:
            shape (Sequence[int]): Its shape.
            dtype (torch.dtype): Its type.
            device (torch.device): Where it is used.

        Returns:
            Tensor: Contiguous.

        Raises:
            UserError: If the disk has no room for it.
        """
        size = math.prod(shape) * dtype.itemsize
        if device.type != 'cpu' or not size or size <= self._limit(device):
            return torch.zeros(shape, dtype=dtype, device=device)
        mapped = _map_file(size)
        self._files = [file for file in self._files if file() is not None]
        self._files.append(weakref.ref(mapped))
        return torch.frombuffer(mapped, dtype=dtype).view(*shape)

    def feature(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Make a feature of zeros, channels last in memory.

        Args:
            shape (Sequence[int]): (N, C, H, W).
            like (Tensor): What has its type and its device.

        Returns:
            Tensor: The feature.

        Raises:
            UserError: If the disk has no room for it.
        """
        n, channels, height, width = shape
        rows = self.zeros((n, height, width, channels), like.dtype, like.device)
        return rows.permute(0, 3, 1, 2)

    def settle(self) -> None:
        """Let go of the memory that was used to reach the files; the system keeps what it can."""
        if not hasattr(mmap, 'MADV_DONTNEED'):  # such as on Windows, which does so by itself
            return
        for file in self._files:
            mapped = file()
            if mapped is not None:
                mapped.madvise(mmap.MADV_DONTNEED)

    def _limit(self, device: torch.device) -> float:
        return free_memory(device) * LARGEST_SHARE if self.largest is None else self.largest


def _map_file(size: int) -> mmap.mmap:
    """Map a file of zeros without a name, for which the disk has room."""
    folder = folder_on_disk()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            _allocate(file, size)
            return mmap.mmap(file.fileno(), size)
    except OSError as error:
        raise UserError(
            f'{folder}: no room for {size / 1e9:.1f} GB of features that do not '
            f'fit into memory ({error.strerror}); free some, or name a folder with more in the '
            'environment variable TMPDIR'
        ) from error


def _allocate(file: IO[bytes], size: int) -> None:
    """Take room for a file: else a disk that is full later ends the process when it is written."""
    if hasattr(os, 'posix_fallocate'):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
            return
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # which some disks have not
                raise
    for start in range(0, size, CHUNK):
        file.write(bytes(min(CHUNK, size - start)))
    file.flush()
