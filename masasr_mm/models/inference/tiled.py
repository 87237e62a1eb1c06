"""Running MASANet in tiles: the same result in less memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import product

import torch
from torch import Tensor

from ..adaptation import Moments, whole_image_moments
from ..aggregation import upsample
from ..masa_net import MASANet
from ..matching import Matches
from ..matching.blocks import Size
from ..stages import stage
from .encoded_lr import encode_lr
from .halos import encoder_halo, fusion_halo
from .kept_reference import KeptReference, smaller_kind
from .moments_of_tiles import MomentsOfTiles
from .rooms import Rooms
from .spans import Span, scaled, spans
from .track import MATCHING, Track, fusing, statistics, untracked

DEFAULT_TILE = 128


class TiledMASANet:
    """A MASANet that runs in tiles, with the result of the whole to float rounding.

    Matching is done once over everything. The reference is encoded in tiles, and no more of it is
    kept than its features or the texture made of them, whichever is less. The LR image is encoded
    in tiles, too, and every scale runs in tiles of whole blocks with the halo that their
    convolutions see; the statistics of SAM are taken over the whole image before. What grows with
    the images lies in files where memory is scarce (:class:`Rooms`).

    Args:
        net (MASANet): The network.
        tile (int): Height and width of a tile in LR pixels at the last scale, rounded to whole
            blocks; at 1× and 2× tiles of as many pixels are more of the LR. Default: 128.
        ref_dtype (torch.dtype | str, optional): In which the reference is kept, such as
            ``'float16'`` for half of the memory. Default: None, as they are computed.
        track (Track, optional): Wraps the list of tiles of each step, for a progress bar;
            called with the list and a description. Default: None.
        rooms (Rooms, optional): Where features lie. Default: None, those that would take an
            eighth of the free memory in files.
        examine (Callable, optional): Called with the matches before they are used; what it raises
            ends the run. Default: None.

    Raises:
        UserError: If a part of the network depends on the whole image.
    """

    def __init__(
        self,
        net: MASANet,
        tile: int = DEFAULT_TILE,
        ref_dtype: torch.dtype | str | None = None,
        track: Track | None = None,
        rooms: Rooms | None = None,
        examine: Callable[[Matches], None] | None = None,
    ) -> None:
        self.net = net
        self.tile = tile
        self.ref_dtype = getattr(torch, ref_dtype) if isinstance(ref_dtype, str) else ref_dtype
        self.track = track or untracked
        self.rooms = rooms or Rooms()
        self.examine = examine
        self.halos = [fusion_halo(net, index) for index in range(len(net.refinements))]
        encoder_halo(net)

    @torch.no_grad()
    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """Do what :meth:`MASANet.super_resolve` does.

        Args:
            lq (Tensor): The LR image, shape (N, 3, h, w), RGB in [0, 1].
            ref (Tensor): The reference, shape (N, 3, scale·H, scale·W), RGB in [0, 1].
            ref_down (Tensor): The reference reduced, shape (N, 3, H, W), RGB in [0, 1].

        Returns:
            tuple[Tensor, Matches]: The SR image, shape (N, 3, scale·h, scale·w), and the matches.

        Raises:
            ValueError: If a size does not fit.
            UserError: If neither memory nor disk has room for the features.
        """
        net = self.net
        net.check_sizes(lq, ref, ref_down)
        feature, matches = self._match(lq, ref_down)
        if self.examine:
            self.examine(matches)
        # The encoder keeps few features at a time, so its tiles may be larger.
        kind = smaller_kind(matches)
        kept = kind(net, ref, matches, 2 * self.tile, self.ref_dtype, self.track, self.rooms)
        last = len(net.refinements) - 1
        for index in range(last):
            feature = self._fuse(index, feature, kept)
        return self._finish(last, feature, kept, net.enlarge(lq)), matches

    def _match(self, lq: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """Do what :meth:`MASANet.match` does."""
        net = self.net
        lr, feature = encode_lr(net, lq, net.scale * self.tile, self.rooms, self.track)
        with stage('encode Ref↓'):
            [ref_down_feature] = net.encode(ref_down, num_levels=1)
        for whole in self.track([lr], MATCHING):
            matches = net.matching(whole, ref_down_feature)
        return feature, matches

    def _fuse(self, index: int, feature: Tensor, kept: KeptReference) -> Tensor:
        """Run a fusion module in tiles."""
        size = (2**index * length for length in kept.matches.position.shape[1:])
        out = self.rooms.feature((*feature.shape[:2], *size), feature)
        for here, tile in self._fused(index, feature, kept):
            out[here] = tile
        kept.forget(index)
        return out

    def _finish(self, index: int, feature: Tensor, kept: KeptReference, enlarged: Tensor) -> Tensor:
        """Run the last fusion module and what follows it in tiles; return the SR image."""
        for here, tile in self._fused(index, feature, kept, self.net.residual_image):
            enlarged[here] += tile
        return enlarged

    def _fused(
        self,
        index: int,
        feature: Tensor,
        kept: KeptReference,
        head: Callable[[Tensor], Tensor] = lambda fused: fused,
    ) -> Iterator[tuple[tuple, Tensor]]:
        """Yield the tiles of what a fusion module and what follows it make, and their places."""
        scale, tiles = 2**index, self._tiles(index, kept.matches, self.halos[index])
        height, width = (scale * size for size in kept.matches.fine_index.shape[2:])
        measured = self._moments(index, feature, kept) if len(tiles) > 1 else None
        for rows, columns in self.track(tiles, fusing(scale)):
            part = _part(index, feature, rows, columns, kept.matches)
            texture = kept.texture(index, rows.outer, columns.outer).to(part.dtype)
            with whole_image_moments(*measured) if measured else nullcontext():
                fused = head(self.net.fuse(index, part, texture))
            here = (..., scaled(rows.piece, height), scaled(columns.piece, width))
            yield here, _cut(fused, rows.inner, columns.inner, height, width)
            self.rooms.settle()

    def _moments(self, index: int, feature: Tensor, kept: KeptReference) -> tuple[Moments, Moments]:
        """Return the moments of the whole LR feature and of the whole texture of a scale."""
        scale = 2**index
        height, width = (scale * size for size in kept.matches.fine_index.shape[2:])
        lr, ref = MomentsOfTiles(), MomentsOfTiles()
        tiles = self._tiles(index, kept.matches, 1)
        for rows, columns in self.track(tiles, statistics(scale)):
            part = _part(index, feature, rows, columns, kept.matches)
            part = upsample(part) if index else part
            lr.add(_cut(part, rows.inner, columns.inner, height, width))
            ref.add(kept.texture(index, rows.piece, columns.piece).to(feature.dtype))
            self.rooms.settle()
        return lr.result(feature.dtype), ref.result(feature.dtype)

    def _tiles(self, index: int, matches: Matches, halo: int) -> list[tuple[Span, Span]]:
        """Cut the LR into tiles of whole blocks, given the halo in pixels of a scale."""
        block = matches.fine_index.shape[2:]
        return list(product(*tile_spans(self.net, self.tile, index, matches.blocks, block, halo)))


def tile_spans(
    net: MASANet, tile: int, index: int, blocks: Size, block: Size, halo: int
) -> tuple[list[Span], list[Span]]:
    """Cut the rows and the columns of LR blocks into tiles of about as many pixels at each scale.

    Args:
        net (MASANet): The network.
        tile (int): Height and width of a tile in LR pixels at the last scale.
        index (int): The scale: 0 at 1×, 1 at 2×, 2 at 4×.
        blocks (Size): LR blocks in a column and in a row.
        block (Size): Height and width of a block, in LR pixels.
        halo (int): How far a tile looks around itself, in pixels of the scale.

    Returns:
        tuple[list[Span], list[Span]]: Rows and columns of the tiles, in blocks.
    """
    scale = 2**index
    length = tile * net.scale // scale
    rows, columns = (
        list(spans(count, max(1, length // size), math.ceil(halo / (scale * size))))
        for count, size in zip(blocks, block)
    )
    return rows, columns


def _part(index: int, feature: Tensor, rows: Span, columns: Span, matches: Matches) -> Tensor:
    """Cut what a fusion module sees for a tile out of the decoder's feature."""
    before = 2 ** max(0, index - 1)
    height, width = (before * size for size in matches.fine_index.shape[2:])
    return _cut(feature, rows.outer, columns.outer, height, width)


def _cut(feature: Tensor, rows: slice, columns: slice, height: int, width: int) -> Tensor:
    """Cut blocks of a given height and width out of a feature."""
    return feature[:, :, scaled(rows, height), scaled(columns, width)]
