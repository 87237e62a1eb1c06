"""Whether images are run whole or in tiles, and whether they can be run at all."""

from __future__ import annotations

import math

from torch import Tensor

from ...errors import UserError
from ...system import free_memory
from ..masa_net import MASANet
from .tiled import DEFAULT_TILE
from .whole import ref_tile

# Features of the SR image's size, of what is encoded of the reference at once, and of Ref↓'s size,
# that the network holds; measured as added memory at LR 128² with Ref 512², and at 160×120 with
# Ref 2668×2000.
FEATURES_AT_ONCE = 9
REF_FEATURES_AT_ONCE = 4
MATCHING_BYTES = 64
"""For each LR pixel, of what the matching found and makes of it."""


def choose_tile(net: MASANet, lq: Tensor, ref: Tensor, ensemble: bool = False) -> int | None:
    """Decide whether images should be run in tiles: only where the whole would not fit.

    Both encode the same of the reference, so that the whole is always faster: tiles compute their
    halos as well.

    Args:
        net (MASANet): The network.
        lq (Tensor): The LR image, shape (N, 3, h, w).
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W).
        ensemble (bool): Whether it is run as an ensemble. Default: False.

    Returns:
        int | None: The size of tiles in LR pixels, or None if the whole should fit.
    """
    fits = needed(net, lq, ref, None, ensemble) < 0.8 * free_memory(lq.device)
    return None if fits else DEFAULT_TILE


def check_memory(
    net: MASANet, lq: Tensor, ref: Tensor, tile: int | None, ensemble: bool = False
) -> None:
    """See that there is memory for what shall be run, before anything is.

    Args:
        net (MASANet): The network.
        lq (Tensor): The LR image, shape (N, 3, h, w).
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W).
        tile (int, optional): The size of tiles in LR pixels; None for the whole.
        ensemble (bool): Whether it is run as an ensemble. Default: False.

    Raises:
        UserError: If there is not.
    """
    taken = needed(net, lq, ref, tile, ensemble)
    free = free_memory(lq.device)
    if taken <= free:
        return
    advice = 'take smaller tiles (--tile 64), a smaller photo or fewer references'
    raise UserError(
        f'a photo of {lq.shape[3]}×{lq.shape[2]} with references of {ref.shape[3]}×{ref.shape[2]} '
        f'pixels in all takes about {taken / 1e9:.1f} GB {"in tiles" if tile else "as a whole"}, '
        f'of which {free / 1e9:.1f} are free: {advice if tile else "run it in tiles (--tile auto)"}'
    )


def needed(net: MASANet, lq: Tensor, ref: Tensor, tile: int | None, ensemble: bool = False) -> int:
    """Estimate the bytes that images take, in tiles or whole, once or as an ensemble."""
    once = needed_in_tiles(net, lq, ref, tile) if tile else needed_whole(net, lq, ref)
    if not ensemble:
        return once
    # It holds the sum of the results, and turned copies of both images and of the reduced one.
    held = lq.numel() * (net.scale**2 + 1) + ref.numel() * (1 + 1 / net.scale**2)
    return once + int(held) * lq.element_size()


def needed_whole(net: MASANet, lq: Tensor, ref: Tensor) -> int:
    """Estimate the memory that whole images take.

    Args:
        net (MASANet): The network.
        lq (Tensor): The LR image, shape (N, 3, h, w).
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W).

    Returns:
        int: Bytes.
    """
    at_once = ref_tile(lq) * net.scale + 2 * (getattr(net.encoder, 'halo', None) or max(ref.shape))
    encoded = math.prod(min(size, at_once) for size in ref.shape[2:])
    pixels = FEATURES_AT_ONCE * lq.shape[2:].numel() * net.scale**2
    pixels += REF_FEATURES_AT_ONCE * (encoded + ref.shape[2:].numel() // net.scale**2)
    return pixels * _bytes_of_a_pixel(net, lq)


def needed_in_tiles(net: MASANet, lq: Tensor, ref: Tensor, tile: int) -> int:
    """Estimate the memory that images take in tiles, whose features may lie in files.

    Args:
        net (MASANet): The network.
        lq (Tensor): The LR image, shape (N, 3, h, w).
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W).
        tile (int): The size of tiles in LR pixels.

    Returns:
        int: Bytes.
    """
    sr_pixels, ref_pixels = lq.shape[2:].numel() * net.scale**2, ref.shape[2:].numel()
    side = min(tile, max(lq.shape[2:])) * net.scale
    pixels = FEATURES_AT_ONCE * (side + tile) ** 2
    pixels += REF_FEATURES_AT_ONCE * ref_pixels // net.scale**2
    images = 2 * (sr_pixels + ref_pixels) * lq[:, :, 0, 0].numel() * lq.element_size()
    matching = len(lq) * lq.shape[2:].numel() * MATCHING_BYTES
    return pixels * _bytes_of_a_pixel(net, lq) + images + matching


def _bytes_of_a_pixel(net: MASANet, lq: Tensor) -> int:
    """Return what a pixel of a feature takes, for all images of the batch."""
    return len(lq) * net.to_image.in_channels * lq.element_size()
