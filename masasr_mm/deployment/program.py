"""Tracing the network with torch.export, for any size of LR and reference or for fixed ones."""

from __future__ import annotations

import copy
import os

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from ..files import written_whole
from ..models.masa_net import MASANet
from ..models.sizes import SizeRequirements
from .interface import INPUTS, KEY, Interface

# torch.export takes 0 and 1 for sizes of their own, so that a free number of blocks starts at 2.
MIN_BLOCKS = 2
MAX_BLOCKS = 1024
# Room for a patch, and for a choice between two.
MIN_REF_DOWN = 4
MAX_REF_DOWN = 16384


class _Traced(nn.Module):
    """The network with all that it returns as plain tensors."""

    def __init__(self, network: MASANet) -> None:
        super().__init__()
        self.network = network

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, ...]:
        sr, matches = self.network.super_resolve(lq, ref, ref_down)
        return sr, *matches[:4]


def interface_of(
    network: MASANet,
    lq_size: tuple[int, int] | None = None,
    ref_size: tuple[int, int] | None = None,
) -> Interface:
    """Return the sizes that a network is exported with.

    Args:
        network (MASANet): The network.
        lq_size (tuple[int, int], optional): Height and width of the LR image; fixed sizes are
            rounded up to what the network takes. Default: None, any.
        ref_size (tuple[int, int], optional): Height and width of the reference. Default: None.

    Returns:
        Interface: The sizes.
    """
    sizes = SizeRequirements.of(network)
    lq_size = sizes.lq_size(lq_size) if lq_size else None
    ref_size = sizes.ref_size(ref_size) if ref_size else None
    return Interface(*sizes, lq_size, ref_size)


def export_program(network: MASANet, interface: Interface) -> ExportedProgram:
    """Trace a network.

    Blocks are matched all at once in it, since the number of groups would depend on the sizes.

    Args:
        network (MASANet): The network, on the CPU; it is left as it is.
        interface (Interface): Which sizes are fixed.

    Returns:
        ExportedProgram: Takes ``lq``, ``ref`` and ``ref_down`` of one image, as ``MASANet`` does,
        and returns the SR image and the tensors of ``Matches``.
    """
    network = copy.deepcopy(network).eval()
    network.matching.max_elements = None
    scale, divisor = interface.scale, interface.size_divisor
    # For free sizes these are an example, none of which equals another.
    lq = torch.rand(1, 3, *(interface.lq_size or (5 * divisor, 6 * divisor)))
    grid = [size // scale for size in interface.ref_size or (36 * scale, 44 * scale)]
    ref, ref_down = torch.rand(1, 3, *(size * scale for size in grid)), torch.rand(1, 3, *grid)
    shapes = dict.fromkeys(INPUTS)
    if interface.lq_size is None:
        rows, columns = (Dim(name, min=MIN_BLOCKS, max=MAX_BLOCKS) for name in ('rows', 'columns'))
        shapes['lq'] = {2: divisor * rows, 3: divisor * columns}
    if interface.ref_size is None:
        height, width = (
            Dim(name, min=MIN_REF_DOWN, max=MAX_REF_DOWN) for name in ('height', 'width')
        )
        shapes['ref'] = {2: scale * height, 3: scale * width}
        shapes['ref_down'] = {2: height, 3: width}
    with torch.no_grad():
        return torch.export.export(_Traced(network), (lq, ref, ref_down), dynamic_shapes=shapes)


def save_program(program: ExportedProgram, interface: Interface, path: str | os.PathLike) -> None:
    """Write a program, whole or not at all, for ``torch.export.load``.

    Args:
        program (ExportedProgram): From :func:`export_program`.
        interface (Interface): Goes into the file as the extra file ``masasr_mm``, JSON.
        path (str | os.PathLike): The file, ``*.pt2``.
    """
    with written_whole(path) as temporary:
        torch.export.save(program, temporary, extra_files={KEY: interface.to_text()})
