"""Running the generator on images of any size, whole or in tiles."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn import functional as F

from ...errors import UserError
from ..masa_net import MASANet
from ..matching import Matches, MatchExtractionModule, MatchMaps, match_maps
from ..peers.network import PeerNetwork
from ..sizes import SizeRequirements
from .choosing import check_memory, choose_tile
from .disk import check_disk
from .plan import plan
from .self_ensemble import RUNS, SelfEnsemble, SuperResolver
from .tiled import TiledMASANet
from .whole import WholeMASANet


def pad_to(image: Tensor, height: int, width: int) -> Tensor:
    """Repeat the last row and column of an image until it has a given size.

    Args:
        image (Tensor): Shape (N, C, H, W).
        height (int): Height to reach, at least H.
        width (int): Width to reach, at least W.

    Returns:
        Tensor: Shape (N, C, height, width); ``image`` itself if it has that size.
    """
    bottom, right = height - image.shape[2], width - image.shape[3]
    if bottom == right == 0:
        return image
    return F.pad(image, (0, right, 0, bottom), mode='replicate')


def super_resolve(
    generator: MASANet, lq: Tensor, ref: Tensor, ref_down: Tensor, config: dict | None = None
) -> tuple[Tensor, list[MatchMaps | None]]:
    """Pad images to sizes that the generator takes, run it, and crop the result.

    Args:
        generator (MASANet): The network, or what has the same ``super_resolve`` and sizes.
        lq (Tensor): LR images, shape (N, 3, h, w), RGB in [0, 1]; h and w from 8 up.
        ref (Tensor): References, shape (N, 3, H', W') with H' ≤ scale·H and W' ≤ scale·W, RGB in
            [0, 1].
        ref_down (Tensor): The references bicubically reduced, shape (N, 3, H, W), RGB in [0, 1].
        config (dict, optional): ``tile`` (int, ``'auto'`` or None), ``ref_dtype``, ``track``,
            ``announce``, ``ensemble`` and ``dtype``, as in the ``test_cfg`` of the editor
            ``MASA``; and ``examine``, which is called once with what is returned of the textures
            as soon as it is known, and ends the run by raising; not of a network that tells no
            matches. Default: None, everything at once, in float32.

    Returns:
        tuple[Tensor, list[MatchMaps | None]]: The SR images, shape (N, 3, scale·h, scale·w), about
        [0, 1], and for each of them where its texture came from; None if the network tells no
        matches.

    Raises:
        UserError: If a reference is larger than ``scale`` times its reduced one, there is not
            enough memory or disk, or tiles of a given size are asked of a network that has none.
    """
    config = config or {}
    height, width = lq.shape[2:]
    scale = generator.scale

    def maps_of(matches: Matches) -> list[MatchMaps]:
        return match_maps(matches, height, width, scale)

    examine = config.get('examine')
    if examine:
        config = dict(config, examine=_once(lambda matches: examine(maps_of(matches))))
    lq, ref, ref_down = _pad(generator, lq, ref, ref_down)
    with _autocast(lq, config.get('dtype')):
        network = _network(generator, lq, ref, config)
        sr, matches = network.super_resolve(lq, ref, ref_down)
    sr = sr[..., : height * scale, : width * scale]
    if matches is None:
        return sr, [None] * len(sr)
    if examine:
        config['examine'](matches)
    return sr, maps_of(matches)


def without_hue(sr: Tensor) -> Tensor:
    """Return an RGB image (3, H, W) in grey, (3, H, W), as Pillow makes it (BT.601)."""
    luma = torch.einsum('chw,c->hw', sr, sr.new_tensor((0.299, 0.587, 0.114)))
    return luma.expand(3, -1, -1).contiguous()


def _once(call: Callable[[Matches], None]) -> Callable[[Matches], None]:
    """Return what does something at its first call alone: an ensemble's other images are turned."""
    calls = [call]

    def first(matches: Matches) -> None:
        if calls:
            calls.pop()(matches)

    return first


def _autocast(lq: Tensor, dtype: str | None) -> AbstractContextManager:
    """Return what convolutions are computed in; without a type it is as it is."""
    if dtype in (None, 'float32'):
        return nullcontext()
    return torch.autocast(lq.device.type, getattr(torch, dtype))


def _network(generator: MASANet, lq: Tensor, ref: Tensor, config: dict) -> SuperResolver:
    """Return the generator as the config asks for it: in tiles, as an ensemble, or as it is."""
    whole_or_tiled = _tiled(generator, lq, ref, config)
    return SelfEnsemble(whole_or_tiled) if config.get('ensemble') else whole_or_tiled


def _tiled(generator: MASANet, lq: Tensor, ref: Tensor, config: dict) -> SuperResolver:
    """Return the generator whole, or in tiles if the config or the memory asks for it."""
    tile = config.get('tile')
    if isinstance(generator, PeerNetwork):
        if tile not in (None, 'auto'):
            raise UserError(f'tile={tile}: {generator.name} has no tiles, MASANet has')
        return generator
    ensemble = config.get('ensemble', False)
    if tile == 'auto':
        tile = choose_tile(generator, lq, ref, ensemble)
    if isinstance(generator, MASANet):
        check_memory(generator, lq, ref, tile, ensemble)
        if tile:
            check_disk(generator, lq, ref, tile, config.get('ref_dtype'))
    if config.get('announce') and _can_be_sparing(generator):
        _announce(generator, lq, ref, tile, config)
    track, examine = config.get('track'), config.get('examine')
    if tile:
        return TiledMASANet(generator, tile, config.get('ref_dtype'), track, examine=examine)
    return WholeMASANet(generator, examine) if _can_be_sparing(generator) else generator


def _announce(generator: MASANet, lq: Tensor, ref: Tensor, tile: int | None, config: dict) -> None:
    """Tell what large images will need."""
    ensemble = config.get('ensemble', False)
    what = plan(generator, lq, ref, tile, config.get('ref_dtype'), ensemble)
    if what is not None:
        config['announce'](what._replace(runs=RUNS) if ensemble else what)


def _can_be_sparing(generator: MASANet) -> bool:
    """Tell whether references can be encoded in parts, which not every network of others can."""
    return (
        isinstance(generator, MASANet)
        and isinstance(generator.matching, MatchExtractionModule)
        and getattr(generator.encoder, 'halo', None) is not None
    )


def _pad(generator: MASANet, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, ...]:
    """Bring LR and reference to sizes that the generator takes."""
    sizes, scale = SizeRequirements.of(generator), generator.scale
    lq = pad_to(lq, *sizes.lq_size(lq.shape[2:]))
    ref_size = sizes.ref_size([length * scale for length in ref_down.shape[2:]])
    ref_down = pad_to(ref_down, *(length // scale for length in ref_size))
    if any(have > most for have, most in zip(ref.shape[2:], ref_size)):
        raise UserError(
            f'ref_img is {ref.shape[2]}×{ref.shape[3]}, more than {scale} times '
            f'ref_down, {ref_down.shape[2]}×{ref_down.shape[3]}; make ref_down from it'
        )
    return lq, pad_to(ref, *ref_size), ref_down
