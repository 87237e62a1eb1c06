"""Encoding an LR image in tiles."""

from __future__ import annotations

import math
from itertools import product

from torch import Tensor

from ..masa_net import MASANet
from ..matching.blocks import Size
from ..stages import stage
from .halos import encoder_halo
from .rooms import Rooms
from .spans import Span, scaled, spans
from .track import ENCODING_PHOTO, Track, untracked


def encode_lr(
    net: MASANet, lq: Tensor, tile: int, rooms: Rooms, track: Track = untracked
) -> tuple[Tensor, Tensor]:
    """Encode an LR image, and merge the levels to the feature that the decoder begins with.

    Args:
        net (MASANet): The network.
        lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1].
        tile (int): Height and width of a tile in LR pixels.
        rooms (Rooms): Where the features go.
        track (Track): See :data:`Track`. Default: without a progress bar.

    Returns:
        tuple[Tensor, Tensor]: F_LR, which is matched, and the decoder's first feature, both of
        shape (N, C, h, w).

    Raises:
        UserError: If the encoder cannot run in tiles, or the disk has no room for the features.
    """
    cell, tiles = _cell(net), list(product(*lr_spans(net, lq.shape[2:], tile)))
    if len(tiles) == 1:
        return _encoded(net, lq)
    room: list[Tensor] = []
    for rows, columns in track(tiles, ENCODING_PHOTO):
        part = lq[:, :, scaled(rows.outer, cell), scaled(columns.outer, cell)]
        for index, feature in enumerate(_encoded(net, part)):
            if len(room) == index:
                room.append(rooms.feature((*feature.shape[:2], *lq.shape[2:]), feature))
            inner = feature[:, :, scaled(rows.inner, cell), scaled(columns.inner, cell)]
            room[index][:, :, scaled(rows.piece, cell), scaled(columns.piece, cell)] = inner
        rooms.settle()
    return room[0], room[1]


def lr_spans(net: MASANet, size: Size, tile: int) -> tuple[list[Span], list[Span]]:
    """Cut an LR image into tiles that are encoded one after another.

    Args:
        net (MASANet): The network.
        size (Size): Height and width of the image.
        tile (int): Height and width of a tile.

    Returns:
        tuple[list[Span], list[Span]]: Rows and columns of the tiles, in pixels of the encoder's
        last level, so that tiles begin where all levels have a pixel.

    Raises:
        UserError: If the encoder cannot run in tiles.
    """
    cell = _cell(net)
    halo = math.ceil((encoder_halo(net) + net.lr_pyramid.halo) / cell)
    rows, columns = (list(spans(length // cell, max(1, tile // cell), halo)) for length in size)
    return rows, columns


def _cell(net: MASANet) -> int:
    """Return how many pixels a pixel of the encoder's last level stands for."""
    return 2 ** (len(net.lr_pyramid.levels) - 1)


def _encoded(net: MASANet, lq: Tensor) -> tuple[Tensor, Tensor]:
    """Return F_LR and the decoder's first feature of an image, or of a tile with its halo."""
    with stage('encode LR'):
        levels = net.encode(lq)
    with stage('LR pyramid'):
        return levels[0], net.lr_pyramid(levels)
