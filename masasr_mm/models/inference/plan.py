"""What an inference will need, told before it starts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..masa_net import MASANet
from . import track
from .choosing import needed
from .disk import needed_on_disk
from .encoded_lr import lr_spans
from .halos import fusion_halo
from .spans import times_seen
from .tiled import tile_spans

WORTH_A_PROBE = 2**23
"""Pixels of SR image and reference from which the time is worth estimating: where the probe takes
some hundredths of it."""

PROBE = 64
"""Height and width of the LR image and of Ref↓ that the machine's speed is measured with, or a
little more where the network takes no such size."""

AGREE = 1.1
"""How many times longer than the best run another may take to bear it out."""

PATIENCE = 1.0
"""Seconds that are spent on finding a run that another bears out."""

PRUNED = 1 / 14
"""What the pruned search of Stage 1 takes of the exact one's time."""

STATISTICS = 0.1
"""What the statistics of a scale take of the time that fusing takes at it, in tiles."""

SLOWER_WHOLE = 1.7
"""How many times longer a pixel of a large photo takes as a whole than one of the probe or a tile,
whose features lie in the processor's cache and in memory that was used before."""


class Plan(NamedTuple):
    """What is going to be done.

    Attributes:
        tile (int | None): Size of tiles in LR pixels; None for the whole.
        memory (int): Bytes that it will take besides the images in 8 bits.
        steps (dict[str, float]): Seconds that each step will take about, by what it does; the
            names are those that :data:`~.track.Track` is called with.
        runs (int): How many times all steps will be done: 8 for an ensemble.
        disk (int): Bytes of features that will lie in files.
    """

    tile: int | None
    memory: int
    steps: dict[str, float]
    runs: int = 1
    disk: int = 0

    @property
    def seconds(self) -> float:
        """float: What all steps will take about."""
        return self.runs * sum(self.steps.values())


class Speed(NamedTuple):
    """How fast this machine runs a network, in seconds.

    Attributes:
        encoding (float): For each pixel that is encoded.
        searching (float): For each pair of an LR block and a place of Ref↓ (Stage 1, exact).
        comparing (float): For each LR pixel, the rest of the matching (Stage 2, Eq. 2–4).
        fusing (float): For each LR pixel, all that comes after the matching.
    """

    encoding: float
    searching: float
    comparing: float
    fusing: float


def plan(
    net: MASANet,
    lq: Tensor,
    ref: Tensor,
    tile: int | None,
    ref_dtype: torch.dtype | str | None = None,
    ensemble: bool = False,
) -> Plan | None:
    """Say what images will need, if they are so large that it is worth finding out.

    Args:
        net (MASANet): The network; its encoder has a ``halo``.
        lq (Tensor): The LR image, shape (N, 3, h, w).
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W).
        tile (int, optional): The size of tiles in LR pixels; None for the whole.
        ref_dtype (torch.dtype | str, optional): In which tiles keep the reference.
        ensemble (bool): Whether it is run as an ensemble. Default: False.

    Returns:
        Plan | None: None for small images.
    """
    pixels = len(lq) * (lq.shape[2:].numel() * net.scale**2 + ref.shape[2:].numel())
    if pixels < WORTH_A_PROBE:
        return None
    memory = needed(net, lq, ref, tile, ensemble)
    steps = dict(_steps(net, lq, ref, tile, measured_speed(net, lq)))
    if tile:
        return Plan(tile, memory, steps, disk=needed_on_disk(net, lq, ref, ref_dtype))
    return Plan(tile, memory, {name: SLOWER_WHOLE * seconds for name, seconds in steps.items()})


@torch.no_grad()
def measured_speed(net: MASANet, like: Tensor) -> Speed:
    """Measure how fast this machine runs a network, with small images.

    Args:
        net (MASANet): The network.
        like (Tensor): What has the type and the device of its images.

    Returns:
        Speed: In the type that autocast has at the moment.
    """
    length = math.ceil(PROBE / net.size_divisor) * net.size_divisor
    side = length * net.scale
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    ref = noise.to(like)
    lq = ref[..., :length, :length]
    feature = net.encode(lq, num_levels=1)[0].float()
    grid = net.matching.block_grid(feature, feature)
    encoding = _seconds(lambda: net.encode(ref)[0])
    searching = _seconds(lambda: net.matching.coarse_match(feature, feature, grid))
    matching = _seconds(lambda: net.matching(feature, feature).similarity)
    beginning = _seconds(lambda: net.match(lq, lq)[0])
    everything = _seconds(lambda: net(lq, ref, lq))
    return Speed(
        encoding / side**2,
        searching / (grid.number_of_blocks * length**2),
        max(0.0, matching - searching) / length**2,
        max(0.0, everything - beginning - encoding) / length**2,
    )


def _seconds(run: Callable[[], Tensor]) -> float:
    """Time a computation: the best run, as other programs only ever slow it down.

    At least three, until the two best agree; beside other programs it takes some to have a run that
    they do not hold up.
    """
    run()
    took = []
    while len(took) < 3 or (took[1] > AGREE * took[0] and sum(took) < PATIENCE):
        start = time.perf_counter()
        run().flatten()[0].item()  # which waits for a GPU
        took = sorted([*took, time.perf_counter() - start])
    return took[0]


def _steps(
    net: MASANet, lq: Tensor, ref: Tensor, tile: int | None, speed: Speed
) -> Iterator[tuple[str, float]]:
    """Yield what the steps do, and their seconds."""
    lr_pixels, ref_pixels = len(lq) * lq.shape[2:].numel(), len(lq) * ref.shape[2:].numel()
    lr_tile = tile * net.scale if tile else max(lq.shape[2:])
    cut = lr_spans(net, lq.shape[2:], lr_tile)
    yield track.ENCODING_PHOTO, speed.encoding * lr_pixels * times_seen(cut)
    grid = net.matching.block_grid(lq, ref[:, :, :: net.scale, :: net.scale])
    pairs = len(lq) * grid.number_of_blocks * ref_pixels / net.scale**2
    searching = speed.searching * pairs * (PRUNED if net.matching.prunes(grid) else 1)
    yield track.MATCHING, searching + speed.comparing * lr_pixels
    yield track.ENCODING_REFERENCE, speed.encoding * ref_pixels
    weights = [4**index * _weights(net, index) for index in range(len(net.refinements))]
    for index, share in enumerate(weights):
        seconds = speed.fusing * lr_pixels * share / sum(weights)
        if tile:
            halo = fusion_halo(net, index)
            cut = tile_spans(net, tile, index, grid.blocks, grid.block, halo)
            seconds *= times_seen(cut)
            yield track.statistics(2**index), STATISTICS * seconds
        yield track.fusing(2**index), seconds


def _weights(net: MASANet, index: int) -> int:
    """Count the weights of a fusion module: what its convolutions multiply for each pixel."""
    merging = net.aggregations[index - 1] if index else net.merge
    parts: list[nn.Module] = [net.adaptation, merging, net.refinements[index]]
    return sum(weight.numel() for part in parts for weight in part.parameters())
