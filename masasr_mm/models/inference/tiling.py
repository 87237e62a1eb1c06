"""Tiles with halo: how far the network looks around a tile, and the statistics of all of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...errors import UserError
from ..adaptation import Moments, whole_image_moments
from ..layers import UPSAMPLE_HALO
from ..masa_net import MASANet
from ..matching.blocks import Region, Size

Track = Callable[[list, str], Iterable]
"""Wraps the list of tiles of a step, given what the step does, such as in a progress bar."""

PROBES = (16, 32, 64)
"""Sizes of the results that a part is probed with, until nothing reaches the border."""
PHASES = 4
"""Neighbouring places that are changed one after another: parts may halve and double sizes."""
_probed: WeakKeyDictionary[nn.Module, int | None] = WeakKeyDictionary()


class Tile(NamedTuple):
    """A part of an image: where it lies, that with its halo, and where in this the part lies."""

    core: Region
    outer: Region
    inner: Region


def with_halo(core: Region, size: Size, halo: Size) -> Tile:
    """Let a part of an image look around itself as far as the image goes."""
    outer = tuple(
        slice(max(0, part.start - reach), min(part.stop + reach, length))
        for part, length, reach in zip(core, size, halo)
    )
    inner = tuple(
        slice(part.start - wide.start, part.stop - wide.start) for part, wide in zip(core, outer)
    )
    return Tile(core, outer, inner)


def cut_into_tiles(size: Size, side: Size, halo: Size) -> list[Tile]:
    """Cut an image into tiles of a height and width, row by row."""
    rows, columns = (
        [slice(start, min(start + step, length)) for start in range(0, length, step)]
        for length, step in zip(size, side)
    )
    return [with_halo(core, size, halo) for core in product(rows, columns)]


def overlap_factor(tiles: Sequence[Tile]) -> float:
    """Return how many times as much tiles see with their halos as there is."""
    seen, there = (
        sum(math.prod(part.stop - part.start for part in region) for region in regions)
        for regions in zip(*((tile.outer, tile.core) for tile in tiles))
    )
    return seen / there


def at(region: Region, factor: int | Size) -> tuple:
    """Return the index of a region in an image (…, H, W) with ``factor`` times the pixels."""
    factors = (factor, factor) if isinstance(factor, int) else factor
    return ..., *(slice(part.start * f, part.stop * f) for part, f in zip(region, factors))


def lr_tiles(net: MASANet, size: Size, side: int) -> list[Tile]:
    """Cut an LR image for the encoder and the LR pyramid, in pixels of the coarsest level."""
    halo = math.ceil((encoder_halo(net) + net.lr_pyramid.halo) / net.scale)
    height, width = (length // net.scale for length in size)
    return cut_into_tiles((height, width), (max(1, side // net.scale),) * 2, (halo, halo))


def fusion_tiles(
    net: MASANet, tile: int, index: int, blocks: Size, block: Size, halo: int
) -> list[Tile]:
    """Cut blocks of so many LR pixels into tiles of about as many pixels at each scale.

    ``tile`` are LR pixels at the last scale, ``halo`` pixels of the scale that is the index's.
    """
    scale = 2**index
    side = tuple(max(1, tile * net.scale // scale // size) for size in block)
    return cut_into_tiles(blocks, side, tuple(math.ceil(halo / (scale * size)) for size in block))


def fusion_halo(net: MASANet, index: int) -> int:
    """Return how many pixels, at its scale, a fusion module and the last convolution look."""
    channels = net.to_image.in_channels
    halo = halo_of(net.adaptation, (channels, 1), (channels, 1))
    if index:
        merging = net.aggregations[index - 1]
        halo += UPSAMPLE_HALO + halo_of(merging, (channels, 0.5), (channels, 1))
    else:
        halo += net.merge[0].padding[0]
    refining = sum(halo_of(block, (channels, 1)) for block in net.refinements[index])
    return halo + refining + net.to_image.padding[0]


def encoder_halo(net: MASANet) -> int:
    """Return how many pixels of the image around a tile the encoder's coarsest level depends on."""
    return halo_of(net.encoder, (3, net.scale))


def has_halos(net: MASANet) -> bool:
    """Return whether all parts of a network depend on their surroundings alone, as tiles take."""
    try:
        encoder_halo(net)
        for index in range(len(net.refinements)):
            fusion_halo(net, index)
    except UserError:
        return False
    return True


def halo_of(part: nn.Module, *inputs: tuple[int, float]) -> int:
    """Return how many pixels around a tile a part depends on: as it declares, or found by trying.

    A part declares it as ``halo``, in pixels of its result, or of what it takes if that has more.
    ``inputs`` are the channels of what it is called with, and the size in relation to its result.
    """
    if not hasattr(part, 'halo') and part not in _probed:
        _probed[part] = probed_halo(part, inputs)
    halo = part.halo if hasattr(part, 'halo') else _probed[part]
    if halo is None:
        raise UserError(
            f'{type(part).__name__} depends on the whole image, or on more of it than '
            f'{PROBES[-1] // 2 - PHASES} pixels to each side without declaring it (halo = 40), and '
            'cannot run in tiles; do without them (tile=None, --tile none), with smaller images if '
            'memory does not suffice'
        )
    return halo


@torch.no_grad()
def probed_halo(part: nn.Module, inputs: Sequence[tuple[int, float]]) -> int | None:
    """Find which results change when single pixels do; None if those far away do as well.

    Statistics of whole images are held fixed. In float64 and on the CPU a convolution is what it
    says: others spread over the tiles that they compute in.
    """
    part = copy.deepcopy(part).cpu().double().eval()
    for size in PROBES:
        halo = _halo_within(part, inputs, size)
        if halo is not None:
            return halo
    return None


def _halo_within(part: nn.Module, inputs: Sequence[tuple[int, float]], size: int) -> int | None:
    """Probe with results of a size; None if a change reaches the border, or it is too small."""
    generator = torch.Generator().manual_seed(0)
    given = [
        torch.randn(1, channels, *[round(size * scale)] * 2, generator=generator).double()
        for channels, scale in inputs
    ]
    fixed = [Moments(*torch.rand(2, 1, channels, 1, 1).double(), size**2) for channels, _ in inputs]
    step = round(max(1, *(scale for _, scale in inputs)))
    halo = 0

    def run(*features: Tensor) -> Tensor:
        with whole_image_moments(fixed[0], fixed[-1]):
            result = part(*features)
        return result[-1] if isinstance(result, list) else result

    try:
        expected = run(*(feature.clone() for feature in given))
    except RuntimeError:  # such as a border to be reflected that is wider than the image
        return None
    # NaN shows what is multiplied by weights of 0, another number what is made of NaN by comparing.
    for index, phase, value in product(range(len(given)), range(PHASES), (torch.nan, 100.0)):
        changed = [feature.clone() for feature in given]
        place = changed[index].shape[2] // 2 - PHASES // 2 + phase
        changed[index][:, :, place, place] = value
        differs = (run(*changed) != expected)[0].any(dim=0)
        pixel = round(step / inputs[index][1])
        for line in (differs.any(dim=0), differs.any(dim=1)):
            touched = line.nonzero().flatten().tolist()
            if touched and (touched[0] == 0 or touched[-1] == len(line) - 1):
                return None
            for start in (step * result for result in touched):
                halo = max(halo, start - place * pixel, (place + 1) * pixel - start - step)
    return halo


def moments_of_all(means: Tensor, variances: Tensor, counts: Sequence[int]) -> Moments:
    """Join the moments of T tiles of one image that share no pixel, (T, N, C, 1, 1)."""
    # Apple's mps knows no float64
    precise = torch.float32 if means.device.type == 'mps' else torch.float64
    dtype, means, variances = means.dtype, means.to(precise), variances.to(precise)
    share = means.new_tensor(counts).div_(sum(counts)).view(-1, 1, 1, 1, 1)
    whole = (share * means).sum(dim=0)
    variance = (share * (variances + (means - whole).square())).sum(dim=0)
    return Moments(whole.to(dtype), variance.to(dtype), sum(counts))
