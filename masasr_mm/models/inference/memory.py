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
from .tiling import fusion_halo, has_halos

DEFAULT_TILE = 128
"""Height and width of a tile in LR pixels."""
MIN_REF_TILE = 256
# Features that the network holds at once: of the size of the SR image, or of a tile of it; of what
# is encoded of the reference; and of Ref↓'s size in float32, while it is matched.
FEATURES_AT_ONCE = 5.5
REF_FEATURES_AT_ONCE = 4
MATCHED_FEATURES = 4
MATCHING_BYTES, SOURCE_BYTES = 64, 350
"""For each LR pixel, of what the matching found, and of what textures are made by."""
MAX_WHOLE = 0.5
"""Of the memory that is free, so much may the whole take; above it tiles are chosen."""
FASTER_WHOLE = 2**16
"""LR pixels up to which the whole is faster on a CPU; of more, the features of a tile stay in its
cache, which saves more than halos take."""
MAX_SHARE = 1 / 16
"""Of the memory that is free; a buffer that takes more of it lies in a file."""
CHUNK = 2**24
"""Bytes of zeros that are written at once."""


class MappedBuffers:
    """Makes buffers of which the large ones are memory-mapped files, written back as needed.

    A file belongs to one tensor and disappears with it. It has no name, so that nothing is left
    behind however the process ends. What has more than ``max_bytes`` lies in a file; by default a
    sixteenth of the memory that is free then. On GPUs everything stays in the GPU's memory.
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
    """Return the size of tiles in LR pixels, or None where the whole fits and is faster.

    Without the halo of every part only the whole can be run.
    """
    fits = needed(net, lq, ref, None, ensemble) < MAX_WHOLE * free_memory(lq.device)
    faster = lq.device.type != 'cpu' or lq.shape[2:].numel() <= FASTER_WHOLE or not has_halos(net)
    return None if fits and faster else DEFAULT_TILE


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
    net: MASANet, lq: Tensor, ref: Tensor, tile: int, ref_dtype: str | None = None
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
    """Estimate the bytes that images take besides what is held already, at the time of the most.

    Once or as an ensemble, in tiles or whole: while it is matched, while the reference is encoded,
    and at each scale. Features of a size that lies in files do not count.
    """
    n, (lr, ref_down), scale = len(lq), _grids(net, lq, ref), net.scale
    feature = n * net.to_image.in_channels * _dtype(lq).itemsize
    kept, made = _features(net, lq, ref, None)
    if tile:
        limit = free_memory(lq.device) * MAX_SHARE if lq.device.type == 'cpu' else math.inf
        kept, made = ([size for size in sizes if size <= limit] for sizes in (kept, made))
    side = ref_tile(lq, tile) * scale + 2 * (getattr(net.encoder, 'halo', None) or max(ref.shape))
    encoded = math.prod(min(size, side) for size in ref.shape[2:])
    halo = max(fusion_halo(net, index) for index in range(len(net.refinements))) if tile else 0
    fused = min(lr * scale**2, (tile * scale + 2 * halo) ** 2) if tile else lr * scale**2
    matching = MATCHED_FEATURES * n * net.to_image.in_channels * 4 * ref_down
    encoding = sum(kept) + REF_FEATURES_AT_ONCE * feature * encoded
    fusing = FEATURES_AT_ONCE * feature * fused + (sum(kept[-1:] + made[-1:]) if tile else 0)
    extra = n * lr * (MATCHING_BYTES + SOURCE_BYTES * (lr < ref_down))
    extra += 2 * lq.numel() * lq.element_size() * scale**2
    if ensemble:
        # It holds the sum of the results, and turned copies of both images and of the reduced one.
        held = lq.numel() * (net.scale**2 + 1) + ref.numel() * (1 + 1 / net.scale**2)
        extra += int(held) * lq.element_size()
    return int(made[0] if made else 0) + max(matching, encoding, fusing) + extra


def needed_on_disk(net: MASANet, lq: Tensor, ref: Tensor, ref_dtype: str | None = None) -> int:
    """Return the bytes of features in tiles that lie in files, at the time when it is most."""
    if lq.device.type != 'cpu':
        return 0
    kept, made = _features(net, lq, ref, ref_dtype)
    limit = free_memory(lq.device) * MAX_SHARE
    return max(
        sum(size for size in (*kept[index:], *made[index : index + 2]) if size > limit)
        for index in range(len(kept))
    )


def _features(
    net: MASANet, lq: Tensor, ref: Tensor, ref_dtype: str | None
) -> tuple[list[int], list[int]]:
    """Return the bytes of features of whole sizes: of the reference, and of the decoder.

    Those kept of the reference, at 1×, 2×, …; and the decoder's first, and one a scale but the
    last, which becomes the image.
    """
    dtype, (lr, ref_down) = _dtype(lq), _grids(net, lq, ref)
    kept_dtype = getattr(torch, ref_dtype) if ref_dtype else dtype
    channels, scales = len(lq) * net.to_image.in_channels, range(len(net.refinements))
    kept = [4**index * min(lr, ref_down) * channels * kept_dtype.itemsize for index in scales]
    made = [4**index * lr * channels * dtype.itemsize for index in (0, *scales[:-1])]
    return kept, made


def _grids(net: MASANet, lq: Tensor, ref: Tensor) -> tuple[int, int]:
    """Return the pixels of the LR image and of Ref↓."""
    return lq.shape[2:].numel(), ref.shape[2:].numel() // net.scale**2


def _dtype(lq: Tensor) -> torch.dtype:
    """Return the type that features have."""
    kind = lq.device.type
    casts = kind != 'meta' and torch.is_autocast_enabled(kind)
    return torch.get_autocast_dtype(kind) if casts else lq.dtype


def _described(lq: Tensor, ref: Tensor) -> str:
    return (
        f'a photo of {lq.shape[3]}×{lq.shape[2]} with references of {ref.shape[3]}×{ref.shape[2]} '
        'pixels in all'
    )
