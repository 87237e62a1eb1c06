"""Parameters and multiply-adds of MASANet and its peers, by module (Table 2, Fig. 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from ..models import MASANet, MatchExtractionModule
from ..models.peers import PeerNetwork

Size = tuple[int, int]
"""Height and width in pixels."""


class Cost(NamedTuple):
    """What a part of the network costs.

    Attributes:
        name (str): The part.
        parameters (int): Its learned numbers.
        formula (int): Multiply-adds of its convolutions and matrix products when everything is
            computed as the paper describes it and the released code does it.
        as_run (int): Multiply-adds of the convolutions and matrix products that are run here.
    """

    name: str
    parameters: int
    formula: int
    as_run: int


@contextmanager
def without_computing() -> Iterator[None]:
    """Let tensors that are made inside have shapes but no numbers, so that nothing is computed.

    Yields:
        None: Nothing.
    """
    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        yield


def multiply_adds(function: Callable, *arguments: Any) -> int:
    """Count the multiply-adds of the convolutions and matrix products in a call.

    Args:
        function (Callable): What to call.
        *arguments (Any): What to call it with.

    Returns:
        int: Multiply-adds; element-wise work and weighted sums are not among them.
    """
    with FlopCounterMode(display=False) as counter:
        function(*arguments)
    return counter.get_total_flops() // 2


def matching_costs(
    matching: MatchExtractionModule, channels: int, lr_size: Size, ref_down_size: Size
) -> tuple[Cost, Cost]:
    """Count Stages 1 and 2 of the matching: once by the paper's formulas, once as run here.

    With K LR blocks, Stage 1 compares a centre patch of each block with all H·W patches of Ref↓
    at every dilation, and Stage 2 compares all h·w LR patches with the dy·dx patches of their
    Ref↓ block; each comparison takes one multiply-add for every number of a patch.

    Args:
        matching (MatchExtractionModule): The module.
        channels (int): Channels of both features.
        lr_size (Size): Size of F_LR, (h, w); its blocks must divide it.
        ref_down_size (Size): Size of F_Ref↓, (H, W).

    Returns:
        tuple[Cost, Cost]: Stage 1 and Stage 2.
    """
    with without_computing():
        lr, ref_down = (torch.empty(1, channels, *size) for size in (lr_size, ref_down_size))
        matches = matching(lr, ref_down)
        grid = matching.block_grid(lr, ref_down)
        coarse = multiply_adds(matching.coarse_match, lr, ref_down, grid)
        fine = multiply_adds(matching.fine_match, lr, ref_down, matches.coarse_index, grid)
    dy, dx = grid.ref_block
    patch = matching.patch_size**2 * channels
    height, width = ref_down_size
    candidates = grid.number_of_blocks * height * width * len(matching.dilations)
    pairs = lr_size[0] * lr_size[1] * dy * dx
    return (
        Cost('matching, Stage 1', 0, candidates * patch, coarse),
        Cost('matching, Stage 2', 0, pairs * patch, fine),
    )


def network_costs(net: MASANet, lq_size: Size, ref_size: Size) -> list[Cost]:
    """Count every module of the network for one LR and one reference.

    Args:
        net (MASANet): The network.
        lq_size (Size): Size of the LR image, multiples of ``net.size_divisor``.
        ref_size (Size): Size of the reference, multiples of ``net.scale``.

    Returns:
        list[Cost]: The encoder, both stages of the matching, then the rest in order.
    """
    ref_down_size = (ref_size[0] // net.scale, ref_size[1] // net.scale)
    with without_computing():
        lq, ref, ref_down = (torch.empty(1, 3, *s) for s in (lq_size, ref_size, ref_down_size))
        with FlopCounterMode(display=False) as counter:
            net(lq, ref, ref_down)
        # The released code passes Ref↓ through all levels, though only the first is used.
        unused = multiply_adds(net.encoder, ref_down) - multiply_adds(net.encoder, ref_down, 1)
    as_run = _by_child(counter, net)
    costs = []
    for name, child in net.named_children():
        if isinstance(child, MatchExtractionModule):
            costs += matching_costs(child, net.to_image.in_channels, lq_size, ref_down_size)
        else:
            formula = as_run[name] + (unused if child is net.encoder else 0)
            costs.append(Cost(name, count_parameters(child), formula, as_run[name]))
    return costs


def peer_costs(net: PeerNetwork, lq_size: Size, ref_size: Size) -> list[Cost]:
    """Count every module of a network that MASA is compared with, for one LR and one reference.

    Args:
        net (PeerNetwork): The network.
        lq_size (Size): Size of the LR image, multiples of ``net.size_divisor``.
        ref_size (Size): Size of the reference, multiples of ``net.scale``.

    Returns:
        list[Cost]: Its parts in order; the formulas are what is run.
    """
    sizes = (lq_size, ref_size, [size // net.scale for size in ref_size])
    with without_computing():
        images = [torch.empty(1, 3, *size) for size in sizes]
        with FlopCounterMode(display=False) as counter:
            net(*images)
    children = dict(net.named_children())
    as_run = _by_child(counter, net).items()
    return [Cost(name, count_parameters(children[name]), ops, ops) for name, ops in as_run]


def extraction_multiply_adds(net: MASANet, lq_size: Size) -> int:
    """Count the weighted sums of Stage 3, which are neither convolutions nor matrix products.

    Every LR position takes, at each scale s, s² pixels from each of the patches that cover it.

    Args:
        net (MASANet): The network.
        lq_size (Size): Size of the LR image.

    Returns:
        int: Multiply-adds; those of a border of a block, which fewer patches cover, count too.
    """
    pixels = sum(4**level for level in range(len(net.refinements)))
    patch = net.matching.patch_size**2 * net.to_image.in_channels
    return lq_size[0] * lq_size[1] * pixels * patch


def total(costs: list[Cost]) -> Cost:
    """Add up costs.

    Args:
        costs (list[Cost]): The parts.

    Returns:
        Cost: Their sum.
    """
    sums = (sum(column) for column in list(zip(*costs))[1:])
    return Cost('total', *sums)


def count_parameters(module: nn.Module) -> int:
    """Count the learned numbers of a module.

    Args:
        module (nn.Module): The module.

    Returns:
        int: How many there are.
    """
    return sum(parameter.numel() for parameter in module.parameters())


def _by_child(counter: FlopCounterMode, net: nn.Module) -> dict[str, int]:
    """Return the multiply-adds of the network's children; those of a list are its members'."""
    counts = {name: sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()}
    root = type(net).__name__
    found = {}
    for name, child in net.named_children():
        members = [f'.{key}' for key, _ in child.named_children()]
        own = [''] if not isinstance(child, nn.ModuleList) else members
        found[name] = sum(counts.get(f'{root}.{name}{key}', 0) for key in own)
    return found
