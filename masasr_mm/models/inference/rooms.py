"""Room for features that grow with the photo: in memory, or in files where memory is scarce."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
import weakref
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import UserError
from ...free_memory import free_memory

LARGEST_SHARE = 1 / 8
"""Of the memory that is free; what takes more of it lies in a file."""


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
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, 'posix_fallocate'):
                # Without it a full disk would end the process when the memory is first written.
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            return mmap.mmap(file.fileno(), size)
    except OSError as error:
        raise UserError(
            f'{tempfile.gettempdir()}: no room for {size / 1e9:.1f} GB of features that do not '
            f'fit into memory ({error.strerror}); free some, or name a folder with more in the '
            'environment variable TMPDIR'
        ) from error
