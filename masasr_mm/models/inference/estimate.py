"""How long an inference will take: operations that torch counts, times one measured speed."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...system import held_memory
from ..masa_net import MASANet
from ..matching.window_search import SAMPLES, strip
from .memory import needed, needed_on_disk
from .reference_cache import ENCODING_REFERENCE
from .tiling import fusion_halo, fusion_tiles, lr_tiles, overlap_factor

ENCODING_PHOTO = 'encoding the photo'
MATCHING = 'matching'
RUNS_OF_ENSEMBLE = 8

WORTH_A_PROBE = 2**23
"""Pixels of SR image and reference from which the time is worth estimating: where the probe takes
some hundredths of it."""
SEARCHED = 1 / 16
"""About how many of the blocks that have places are searched elsewhere."""
PROBE = 64
"""Height and width of the LR image and of Ref↓ that the machine's speed is measured with, or a
little more where the network takes no such size."""
AGREE = 1.1
"""How many times longer than the best run another may take to bear it out."""
PATIENCE = 1.0
"""Seconds that are spent on finding a run that another bears out."""
SLOWER_WHOLE = 1.7
"""How many times longer an operation takes in a large photo as a whole than in the probe or a
tile, whose features lie in the processor's cache and in memory that was used before."""


class Estimate(NamedTuple):
    """What a run will take: bytes that the process holds at most, and of files on the disk.

    ``steps`` are seconds by the names that ``track`` is called with, but for statistics in tiles;
    ``runs`` is how many times all of them are done: 8 for an ensemble.
    """

    tile: int | None
    memory: int
    steps: dict[str, float]
    runs: int = 1
    disk: int = 0

    @property
    def seconds(self) -> float:
        """What all steps will take about."""
        return self.runs * sum(self.steps.values())


def fusing(scale: int) -> str:
    """Name the step that makes the decoder's feature of a scale."""
    return f'fusing at {scale}×'


def statistics(scale: int) -> str:
    """Name the step that measures the features of a scale."""
    return f'statistics at {scale}×'


def estimate(
    net: MASANet,
    lq: Tensor,
    ref: Tensor,
    tile: int | None,
    ref_dtype: str | None = None,
    ensemble: bool = False,
    aligned: int = 0,
) -> Estimate | None:
    """Say what (N, 3, h, w) and (N, 3, scale·H, scale·W) will take; None for small images.

    Blocks have places in so many ``aligned`` references.
    """
    if not is_large(net, lq, ref):
        return None
    try:
        counts = operations(net, lq, ref, tile, aligned)
    except RuntimeError:  # a part of one's own that does something that depends on values
        return None
    seconds = (1 if tile else SLOWER_WHOLE) / measured_speed(net, lq)
    steps = {name: seconds * count for name, count in counts.items()}
    disk = needed_on_disk(net, lq, ref, ref_dtype) if tile else 0
    memory = held_memory(lq.device) + needed(net, lq, ref, tile, ensemble)
    return Estimate(tile, memory, steps, RUNS_OF_ENSEMBLE if ensemble else 1, disk)


def is_large(net: MASANet, lq: Tensor, ref: Tensor) -> bool:
    """Whether images are so large that their time and memory are worth some thought."""
    pixels = lq.shape[2:].numel() * net.scale**2 + ref.shape[2:].numel()
    return len(lq) * pixels >= WORTH_A_PROBE


@torch.no_grad()
def operations(
    net: MASANet, lq: Tensor, ref: Tensor, tile: int | None, aligned: int = 0
) -> dict[str, float]:
    """Count what convolutions and matrix products of each step do, halos of tiles among it.

    Nothing is computed: on the device ``meta`` tensors have sizes alone. All of the reference
    counts as encoded, of aligned ones what shows the photo, and as searched by all blocks, or by
    ``SEARCHED`` of those that have places.
    """
    (n, _, h, w), scale = lq.shape, net.scale
    # As many operations as in any type; weights that are cast would refuse float32 images.
    sized = copy.deepcopy(net).to('meta', torch.float32)
    sized.matching.max_elements = None  # at once, as there is nothing to be held

    def image(height: int, width: int, channels: int = 3) -> Tensor:
        return torch.empty(n, channels, height, width, device='meta')

    encoding, (lr, feature) = _counted(sized.encode_lr, image(h, w))
    grid_size = tuple(length // scale for length in ref.shape[2:])
    preparing, [ref_down] = _counted(sized.encode, image(*grid_size), 1)
    grid = sized.matching.block_grid((h, w), grid_size)
    searched, searched_grid = lr, grid
    if aligned:
        count = min(SAMPLES + int(SEARCHED * grid.number_of_blocks), grid.number_of_blocks)
        number = torch.empty(count, dtype=torch.long, device='meta')
        searched, searched_grid = strip(lr, number, grid)
    coarse, _ = _counted(sized.matching.coarse_match, searched, ref_down, searched_grid)
    index = torch.empty(n, grid.number_of_blocks, dtype=torch.long, device='meta')
    fine, _ = _counted(sized.matching.fine_match, lr, ref_down, grid.centres(index), grid)
    counts = {
        ENCODING_PHOTO: encoding,
        MATCHING: preparing + coarse + fine,
        ENCODING_REFERENCE: _counted(sized.encode, image(*ref.shape[2:]))[0],
    }
    if aligned:
        shown = aligned * h * w * scale**2 / ref.shape[2:].numel()
        counts[ENCODING_REFERENCE] *= min(1, (1 + SEARCHED) * shown)
    for index in range(len(net.refinements)):
        texture = image(h * 2**index, w * 2**index, feature.shape[1])
        counts[fusing(2**index)], feature = _counted(sized.fuse, index, feature, texture)
    counts[fusing(scale)] += _counted(sized.residual_image, feature)[0]
    if tile:
        counts[ENCODING_PHOTO] *= overlap_factor(lr_tiles(net, (h, w), tile * scale))
        for index in range(len(net.refinements)):
            halo = fusion_halo(net, index)
            tiles = fusion_tiles(net, tile, index, grid.blocks, grid.block, halo)
            counts[fusing(2**index)] *= overlap_factor(tiles)
    return counts


@torch.no_grad()
def measured_speed(net: MASANet, like: Tensor) -> float:
    """Return how many operations this machine does in a second, in the type of autocast now."""
    length = math.ceil(PROBE / net.size_divisor) * net.size_divisor
    side = length * net.scale
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    ref = noise.to(like)
    lq = ref[..., :length, :length]
    return _counted(net, lq, ref, lq)[0] / _seconds(lambda: net(lq, ref, lq))


def _counted(function: Callable, *arguments: Any) -> tuple[int, Any]:
    """Return the operations of a call, and its result."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        result = function(*arguments)
    return counter.get_total_flops(), result


def _seconds(run: Callable[[], Tensor]) -> float:
    """Time a computation: the best run, as other programs only ever slow it down.

    At least three, until the two best agree; beside other programs it takes some to have a run that
    they do not hold up.
    """
    took = []
    while len(took) < 3 or (took[1] > AGREE * took[0] and sum(took) < PATIENCE):
        start = time.perf_counter()
        run().flatten()[0].item()  # which waits for a GPU
        took = sorted([*took, time.perf_counter() - start])
    return took[0]
