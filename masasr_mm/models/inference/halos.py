"""How far the parts of the network look around a tile."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import product
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...errors import UserError
from ..adaptation import Moments, whole_image_moments
from ..aggregation import UPSAMPLE_HALO
from ..masa_net import MASANet

PROBES = (16, 32, 64)
"""Sizes of the results that a part is probed with, until nothing reaches the border."""
PHASES = 4
"""Neighbouring places that are changed one after another: parts may halve and double sizes."""
_probed: WeakKeyDictionary[nn.Module, int | None] = WeakKeyDictionary()


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
    finest, halo = max(1, *(scale for _, scale in inputs)), 0
    step = round(finest)

    def run(*features: Tensor) -> Tensor:
        with whole_image_moments(*fixed[:1], *fixed[-1:]):
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
        pixel = round(finest / inputs[index][1])
        for line in (differs.any(dim=0), differs.any(dim=1)):
            touched = line.nonzero().flatten().tolist()
            if touched and (touched[0] == 0 or touched[-1] == len(line) - 1):
                return None
            for start in (step * result for result in touched):
                halo = max(halo, start - place * pixel, (place + 1) * pixel - start - step)
    return halo


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
