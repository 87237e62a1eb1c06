"""What an inference in tiles keeps in files, told before it starts."""

from __future__ import annotations

import shutil

import torch
from torch import Tensor

from ...errors import UserError
from ...system import folder_on_disk, free_memory, lies_in_memory
from ..masa_net import MASANet
from .choosing import needed_in_tiles
from .rooms import LARGEST_SHARE


def needed_on_disk(
    net: MASANet, lq: Tensor, ref: Tensor, ref_dtype: torch.dtype | str | None = None
) -> int:
    """Say how much of the disk the features take that do not stay in memory.

    Args:
        net (MASANet): The network.
        lq (Tensor): The LR image, shape (N, 3, h, w).
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W).
        ref_dtype (torch.dtype | str, optional): In which the reference is kept. Default: None, as
            it is computed.

    Returns:
        int: Bytes, at the time when it is most.
    """
    if lq.device.type != 'cpu':
        return 0
    lr_pixels = lq.shape[2:].numel()
    kept_pixels = min(lr_pixels, ref.shape[2:].numel() // net.scale**2)
    channels, dtype = len(lq) * net.to_image.in_channels, _computed_in(lq)
    kept_dtype = getattr(torch, ref_dtype) if isinstance(ref_dtype, str) else ref_dtype or dtype
    scales = range(len(net.refinements))
    kept = [4**index * kept_pixels * channels * kept_dtype.itemsize for index in scales]
    # The decoder's features: the first, and one a scale but the last, which becomes the image.
    made = [4**index * lr_pixels * channels * dtype.itemsize for index in (0, *scales[:-1])]
    limit = free_memory(lq.device) * LARGEST_SHARE
    return max(
        sum(size for size in (*kept[index:], *made[index : index + 2]) if size > limit)
        for index in scales
    )


def check_disk(
    net: MASANet,
    lq: Tensor,
    ref: Tensor,
    tile: int,
    ref_dtype: torch.dtype | str | None = None,
) -> None:
    """See that there is room on the disk, before anything is run.

    Args:
        net (MASANet): The network.
        lq (Tensor): The LR image, shape (N, 3, h, w).
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W).
        tile (int): The size of tiles in LR pixels.
        ref_dtype (torch.dtype | str, optional): In which the reference is kept.

    Raises:
        UserError: If there is not.
    """
    needed, folder = needed_on_disk(net, lq, ref, ref_dtype), folder_on_disk()
    free = shutil.disk_usage(folder).free
    if lies_in_memory(folder):
        free = min(free, max(0, free_memory(lq.device) - needed_in_tiles(net, lq, ref, tile)))
    if needed <= free:
        return
    raise UserError(
        f'a photo of {lq.shape[3]}×{lq.shape[2]} with references of {ref.shape[3]}×{ref.shape[2]} '
        f'pixels in all takes about {needed / 1e9:.1f} GB of the disk in {folder}, of which '
        f'{free / 1e9:.1f} are free: keep the reference in half precision (--ref-dtype float16) '
        'or as it is (--align off, if it was enlarged for the photo), take a smaller photo, or '
        'name a folder with more room in the environment variable TMPDIR'
    )


def _computed_in(lq: Tensor) -> torch.dtype:
    """Return the type that convolutions are computed in at the moment."""
    kind = lq.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else lq.dtype
