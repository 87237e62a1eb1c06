"""How far the parts of the network look around a tile."""

from __future__ import annotations

from torch import nn

from ...errors import UserError
from ..aggregation import UPSAMPLE_HALO
from ..masa_net import MASANet


def halo_of(part: nn.Module) -> int:
    """Return how many pixels around a tile a part of the network depends on, as it declares.

    Args:
        part (nn.Module): With an attribute ``halo``, in pixels of what it returns (the encoder: of
            what it takes).

    Returns:
        int: Pixels.

    Raises:
        UserError: If it declares none, or None: that it depends on the whole.
    """
    name, unknown = type(part).__name__, object()
    halo = getattr(part, 'halo', unknown)
    if halo is unknown:
        raise UserError(
            f'{name} declares no halo, so that it cannot run in tiles: give the class an attribute '
            'halo, how many pixels around a tile it depends on, or do without tiles (tile=None, '
            '--tile none)'
        )
    if halo is None:
        raise UserError(
            f'{name} depends on the whole image (its halo is None) and cannot run in tiles; do '
            'without them (tile=None, --tile none), with smaller images if memory does not suffice'
        )
    return halo


def fusion_halo(net: MASANet, index: int) -> int:
    """Return how many pixels around a tile a fusion module and the last convolution depend on.

    Args:
        net (MASANet): The network.
        index (int): Which fusion module: 0 at 1×, 1 at 2×, 2 at 4×.

    Returns:
        int: Pixels at its own scale.

    Raises:
        UserError: If a part cannot run in tiles.
    """
    parts = [net.adaptation, *net.refinements[index]]
    if index:
        merging = UPSAMPLE_HALO + halo_of(net.aggregations[index - 1])
    else:
        merging = net.merge[0].padding[0]
    return merging + sum(map(halo_of, parts)) + net.to_image.padding[0]
