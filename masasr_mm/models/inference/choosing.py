"""Whether images are run whole or in tiles."""

from __future__ import annotations

import math

from torch import Tensor

from ...free_memory import free_memory
from ..masa_net import MASANet
from .tiled import DEFAULT_TILE
from .whole import ref_tile

# Features of the SR image's size, of what is encoded of the reference at once, and of Ref↓'s size,
# that the network holds; measured as added memory at LR 128² with Ref 512², and at 160×120 with
# Ref 2668×2000.
FEATURES_AT_ONCE = 9
REF_FEATURES_AT_ONCE = 4


def choose_tile(net: MASANet, lq: Tensor, ref: Tensor) -> int | None:
    """Decide whether images should be run in tiles: only where the whole would not fit.

    Both encode the same of the reference, so that the whole is always faster: tiles compute their
    halos as well.

    Args:
        net (MASANet): The network.
        lq (Tensor): The LR image, shape (N, 3, h, w).
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W).

    Returns:
        int | None: The size of tiles in LR pixels, or None if the whole should fit.
    """
    at_once = ref_tile(lq) * net.scale + 2 * (getattr(net.encoder, 'halo', None) or max(ref.shape))
    encoded = math.prod(min(size, at_once) for size in ref.shape[2:])
    pixels = FEATURES_AT_ONCE * lq.shape[2:].numel() * net.scale**2
    pixels += REF_FEATURES_AT_ONCE * (encoded + ref.shape[2:].numel() // net.scale**2)
    needed = len(lq) * pixels * net.to_image.in_channels * lq.element_size()
    return None if needed < 0.8 * free_memory(lq.device) else DEFAULT_TILE
