"""Memory that images take, estimated before they are run, and memory-mapped buffers."""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from typing import IO

import torch
from torch import Tensor

from ...errors import UserError
from ...system import folder_on_disk, free_memory, lies_in_memory
from ..masa_net import MASANet

DEFAULT_TILE = 128
"""Height and width of a tile in LR pixels."""
MIN_REF_TILE = 256
# Features of the SR image's size, of what is encoded of the reference at once, and of Ref↓'s size,
# that the network holds; measured as added memory at LR 128² with Ref 512², and at 160×120 with
# Ref 2668×2000.
FEATURES_AT_ONCE = 9
REF_FEATURES_AT_ONCE = 4
MATCHING_BYTES = 64
"""For each LR pixel, of what the matching found and makes of it."""
MAX_SHARE = 1 / 8
"""Of the memory that is free; a buffer that takes more of it lies in a file."""
CHUNK = 2**24
"""Bytes of zeros that are written at once."""


class MappedBuffers:
    """Makes buffers of which the large ones are memory-mapped files, written back as needed.

    A file belongs to one tensor and disappears with it. It has no name, so that nothing is left
    behind however the process ends. What has more than ``max_bytes`` lies in a file; by default an
    eighth of the memory that is free then. On GPUs everything stays in the GPU's memory.
    """

    def __init__(self, max_bytes: float | None = None) -> None:
        self.max_bytes = max_bytes
        self._files: list[weakref.ref[mmap.mmap]] = []

    def zeros(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
        """Make a contiguous tensor of zeros."""
        size = math.prod(shape) * dtype.itemsize
        if device.type != 'cpu' or not size or size <= self._limit(device):
            return torch.zeros(shape, dtype=dtype, device=device)
        mapped = _map_file(size)
        self._files = [file for file in self._files if file() is not None]
        self._files.append(weakref.ref(mapped))
        return torch.frombuffer(mapped, dtype=dtype).view(*shape)

    def _limit(self, device: torch.device) -> float:
        return free_memory(device) * MAX_SHARE if self.max_bytes is None else self.max_bytes

    def feature(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Make a feature (N, C, H, W) of zeros, channels last in memory, of another's type."""
        n, channels, height, width = shape
        rows = self.zeros((n, height, width, channels), like.dtype, like.device)
        return rows.permute(0, 3, 1, 2)

    def flush(self) -> None:
        """Let go of the memory that was used to reach the files; the system keeps what it can."""
        if not hasattr(mmap, 'MADV_DONTNEED'):  # such as on Windows, which does so by itself
            return
        for file in self._files:
            mapped = file()
            if mapped is not None:
                mapped.madvise(mmap.MADV_DONTNEED)


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


def ref_tile(lq: Tensor, tile: int | None) -> int:
    """Return how much of the reference is encoded at once, a square in Ref↓ pixels.

    The encoder keeps few features at a time, so that its tiles may be larger than others. Of whole
    images it is a square that the LR fits into: so the features of a large reference need no more
    memory than those of the SR image, and halos take no third of the time where that is small.
    """
    return 2 * tile if tile else max(MIN_REF_TILE, *lq.shape[2:])


def choose_tile(net: MASANet, lq: Tensor, ref: Tensor, ensemble: bool = False) -> int | None:
    """Return the size of tiles in LR pixels, or None if the whole should fit.

    Both encode the same of the reference, so that the whole is always faster: tiles compute their
    halos as well.
    """
    fits = needed(net, lq, ref, None, ensemble) < 0.8 * free_memory(lq.device)
    return None if fits else DEFAULT_TILE


def check_memory(
    net: MASANet, lq: Tensor, ref: Tensor, tile: int | None, ensemble: bool = False
) -> None:
    """See that there is memory for what shall be run, before anything is."""
    taken = needed(net, lq, ref, tile, ensemble)
    free = free_memory(lq.device)
    if taken <= free:
        return
    advice = 'take smaller tiles (--tile 64), a smaller photo or fewer references'
    raise UserError(
        f'{_described(lq, ref)} takes about {taken / 1e9:.1f} GB '
        f'{"in tiles" if tile else "as a whole"}, of which {free / 1e9:.1f} are free: '
        f'{advice if tile else "run it in tiles (--tile auto)"}'
    )


def check_disk(
    net: MASANet, lq: Tensor, ref: Tensor, tile: int, ref_dtype: torch.dtype | str | None = None
) -> None:
    """See that there is room on the disk, before anything is run."""
    taken, folder = needed_on_disk(net, lq, ref, ref_dtype), folder_on_disk()
    free = shutil.disk_usage(folder).free
    if lies_in_memory(folder):
        free = min(free, max(0, free_memory(lq.device) - needed(net, lq, ref, tile)))
    if taken <= free:
        return
    raise UserError(
        f'{_described(lq, ref)} takes about {taken / 1e9:.1f} GB of the disk in {folder}, of which '
        f'{free / 1e9:.1f} are free: keep the reference in half precision (--ref-dtype float16) '
        'or as it is (--align off, if it was enlarged for the photo), take a smaller photo, or '
        'name a folder with more room in the environment variable TMPDIR'
    )


def needed(net: MASANet, lq: Tensor, ref: Tensor, tile: int | None, ensemble: bool = False) -> int:
    """Estimate the bytes that images take, in tiles or whole, once or as an ensemble."""
    sr_pixels, ref_pixels = lq.shape[2:].numel() * net.scale**2, ref.shape[2:].numel()
    if tile:
        # Features of the whole size may lie in files.
        side = min(tile, max(lq.shape[2:])) * net.scale
        features = FEATURES_AT_ONCE * (side + tile) ** 2
        images = 2 * (sr_pixels + ref_pixels) * lq[:, :, 0, 0].numel() * lq.element_size()
        extra = images + len(lq) * lq.shape[2:].numel() * MATCHING_BYTES
    else:
        halo = getattr(net.encoder, 'halo', None) or max(ref.shape)
        at_once = ref_tile(lq, tile) * net.scale + 2 * halo
        encoded = math.prod(min(size, at_once) for size in ref.shape[2:])
        features = FEATURES_AT_ONCE * sr_pixels + REF_FEATURES_AT_ONCE * encoded
        extra = 0
    features += REF_FEATURES_AT_ONCE * ref_pixels // net.scale**2
    if ensemble:
        # It holds the sum of the results, and turned copies of both images and of the reduced one.
        held = lq.numel() * (net.scale**2 + 1) + ref.numel() * (1 + 1 / net.scale**2)
        extra += int(held) * lq.element_size()
    return features * len(lq) * net.to_image.in_channels * lq.element_size() + extra


def needed_on_disk(
    net: MASANet, lq: Tensor, ref: Tensor, ref_dtype: torch.dtype | str | None = None
) -> int:
    """Return the bytes of features in tiles that lie in files, at the time when it is most."""
    kind = lq.device.type
    if kind != 'cpu':
        return 0
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else lq.dtype
    lr_pixels = lq.shape[2:].numel()
    kept_pixels = min(lr_pixels, ref.shape[2:].numel() // net.scale**2)
    kept_dtype = getattr(torch, ref_dtype) if isinstance(ref_dtype, str) else ref_dtype or dtype
    channels, scales = len(lq) * net.to_image.in_channels, range(len(net.refinements))
    kept = [4**index * kept_pixels * channels * kept_dtype.itemsize for index in scales]
    # The decoder's features: the first, and one a scale but the last, which becomes the image.
    made = [4**index * lr_pixels * channels * dtype.itemsize for index in (0, *scales[:-1])]
    limit = free_memory(lq.device) * MAX_SHARE
    return max(
        sum(size for size in (*kept[index:], *made[index : index + 2]) if size > limit)
        for index in scales
    )


def _described(lq: Tensor, ref: Tensor) -> str:
    return (
        f'a photo of {lq.shape[3]}×{lq.shape[2]} with references of {ref.shape[3]}×{ref.shape[2]} '
        'pixels in all'
    )
