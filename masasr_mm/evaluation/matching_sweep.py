"""What the sizes of blocks and the dilations cost in matching: the FLOPs axis of Fig. 5."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from ..models import MASANet, MatchExtractionModule
from .complexity import Size, matching_costs

LR_BLOCKS = (1, 4, 8, 12, 16)
REF_BLOCKS = (4, 8, 12, 16, 20)
DILATIONS = ((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4))


class Setting(NamedTuple):
    """One point on the FLOPs axis of Fig. 5.

    Attributes:
        panel (str): 'a' for LR block sizes, 'b' for Ref↓ block sizes, 'c' for dilations.
        label (str): The value that is changed, as text.
        lr_size (tuple[int, int]): Size of F_LR, padded where its blocks would not divide it.
        formula (int): Multiply-adds of Stages 1 and 2 by the paper's formulas.
        as_run (int): Multiply-adds of the convolutions and matrix products run here.
    """

    panel: str
    label: str
    lr_size: Size
    formula: int
    as_run: int


def sweep(net: MASANet, lq_size: Size, ref_down_size: Size) -> Iterator[Setting]:
    """Count the matching for other block sizes and dilations than the network has.

    A Ref↓ block is given by its size where LR and Ref↓ have the same size, as in Sec. 4.2. It
    stays the same where the LR block changes; with LR blocks of 1×1, where Stage 1 has compared
    everything with everything, it is a single position.

    Args:
        net (MASANet): The network; what a setting does not change is as it has it.
        lq_size (Size): Size of the LR image.
        ref_down_size (Size): Size of Ref↓.

    Yields:
        Setting: One after another, panel by panel.
    """
    base = net.matching
    own = dict(
        block_size=base.block_size,
        ref_block_ratio=base.ref_block_ratio,
        patch_size=base.patch_size,
        dilations=base.dilations,
    )
    ref_block = base.ref_block_ratio * base.block_size
    changes = [
        ('a', f'{size}×{size}', dict(block_size=size, ref_block_ratio=ref_block / size))
        for size in LR_BLOCKS
    ]
    changes += [
        ('b', f'{size}×{size}', dict(ref_block_ratio=size / base.block_size)) for size in REF_BLOCKS
    ]
    changes += [('c', ', '.join(map(str, rates)), dict(dilations=rates)) for rates in DILATIONS]
    for panel, label, change in changes:
        matching = MatchExtractionModule(**{**own, **change})
        divisor = math.lcm(net.scale, matching.block_size)
        lr_size = tuple(math.ceil(size / divisor) * divisor for size in lq_size)
        costs = matching_costs(matching, net.to_image.in_channels, lr_size, ref_down_size)
        formula, as_run = (sum(cost[i] for cost in costs) for i in (2, 3))
        yield Setting(panel, label, lr_size, formula, as_run)
