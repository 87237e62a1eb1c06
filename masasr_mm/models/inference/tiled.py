"""Running MASANet in tiles: the same result in less memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor, nn

from ...errors import UserError
from ..adaptation import Moments, moments
from ..aggregation import UPSAMPLE_HALO, upsample
from ..masa_net import MASANet
from ..matching import Matches
from .kept_reference import KeptReference, Track, smaller_kind
from .spans import Span, scaled, spans

DEFAULT_TILE = 128


class MomentsOfTiles:
    """Mean and variance over an image whose tiles come one after another."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, tile: Tensor) -> None:
        """Take in one more tile.

        Args:
            tile (Tensor): Shape (N, C, H, W); no pixel of the image in two tiles.
        """
        mean, variance, count = moments(tile)
        # Apple's mps knows no float64
        precise = torch.float32 if tile.device.type == 'mps' else torch.float64
        mean, variance = mean.to(precise), variance.to(precise)
        if not self.count:
            self.mean, self.variance, self.count = mean, variance, count
            return
        total = self.count + count
        share = count / total
        difference = mean - self.mean
        self.variance += share * (variance - self.variance)
        self.variance += share * (1 - share) * difference.square()
        self.mean += share * difference
        self.count = total

    def result(self, dtype: torch.dtype) -> Moments:
        """Return the moments of all tiles together.

        Args:
            dtype (torch.dtype): Of the feature; statistics of half precision stay in float32.

        Returns:
            Moments: Of the whole image.
        """
        dtype = torch.promote_types(dtype, torch.float32)
        return Moments(self.mean.to(dtype), self.variance.to(dtype), self.count)


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
        index (int): Which fusion module: 1 at 2×, 2 at 4×.

    Returns:
        int: Pixels at its own scale.

    Raises:
        UserError: If a part cannot run in tiles.
    """
    parts = [net.adaptation, net.aggregations[index - 1], *net.refinements[index]]
    return UPSAMPLE_HALO + sum(map(halo_of, parts)) + net.to_image.padding[0]


class TiledMASANet:
    """A MASANet that runs in tiles, with the result of the whole to float rounding.

    Matching is done once over everything. The reference is encoded in tiles, and no more of it is
    kept than its features or the texture made of them, whichever is less. The features up to 1×
    are computed whole, those above in tiles of whole blocks with the halo that their convolutions
    see; the statistics of SAM are taken over the whole image before the tiles of a scale run.

    Args:
        net (MASANet): The network.
        tile (int): Height and width of a tile in LR pixels; rounded to whole blocks.
            Default: 128.
        ref_dtype (torch.dtype | str, optional): In which the reference is kept, such as
            ``'float16'`` for half of the memory. Default: None, as they are computed.
        track (Callable, optional): Wraps the list of tiles of each step, for a progress bar;
            called with the list and a description. Default: None.

    Raises:
        UserError: If a part of the network declares no ``halo``, or one without limit.
    """

    def __init__(
        self,
        net: MASANet,
        tile: int = DEFAULT_TILE,
        ref_dtype: torch.dtype | str | None = None,
        track: Track | None = None,
    ) -> None:
        self.net = net
        self.tile = tile
        self.ref_dtype = getattr(torch, ref_dtype) if isinstance(ref_dtype, str) else ref_dtype
        self.track = track or (lambda tiles, description: tiles)
        self.halos = [fusion_halo(net, index) for index in range(1, len(net.refinements))]
        halo_of(net.encoder)

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
        """
        net = self.net
        net.check_sizes(lq, ref, ref_down)
        feature, matches = net.match(lq, ref_down)
        # The encoder keeps few features at a time, so its tiles may be larger.
        kind = smaller_kind(matches)
        kept = kind(net, ref, matches, 2 * self.tile, self.ref_dtype, self.track)
        feature = net.fuse(0, feature, kept.pop(0).to(feature.dtype))
        scales = len(net.refinements)
        for index in range(1, scales - 1):
            feature = self._fuse(index, feature, kept)
        return self._finish(scales - 1, feature, kept, net.enlarge(lq)), matches

    def _fuse(self, index: int, feature: Tensor, kept: KeptReference) -> Tensor:
        """Run a fusion module in tiles."""
        n, channels, height, width = feature.shape
        out = feature.new_empty(n, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)
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
        net, matches, scale = self.net, kept.matches, 2**index
        ky, kx = matches.fine_index.shape[2:]
        lr_moments, ref_moments = self._moments(index, feature, kept)
        tiles = self._tiles_of_blocks(matches, self.halos[index - 1] / scale)
        for rows, columns in self.track(list(tiles), f'fusing at {scale}×'):
            part = _cut(feature, rows.outer, columns.outer, ky * scale // 2, kx * scale // 2)
            texture = kept.texture(index, rows.outer, columns.outer).to(part.dtype)
            fused = net.fuse(index, part, texture, lr_moments, ref_moments)
            here = (..., scaled(rows.piece, ky * scale), scaled(columns.piece, kx * scale))
            yield here, _cut(head(fused), rows.inner, columns.inner, ky * scale, kx * scale)

    def _moments(self, index: int, feature: Tensor, kept: KeptReference) -> tuple[Moments, Moments]:
        """Return the moments of the whole LR feature and of the whole texture of a scale."""
        scale = 2**index
        ky, kx = kept.matches.fine_index.shape[2:]
        lr, ref = MomentsOfTiles(), MomentsOfTiles()
        tiles = self._tiles_of_blocks(kept.matches, 1)
        for rows, columns in self.track(list(tiles), f'statistics at {scale}×'):
            part = _cut(feature, rows.outer, columns.outer, ky * scale // 2, kx * scale // 2)
            lr.add(_cut(upsample(part), rows.inner, columns.inner, ky * scale, kx * scale))
            ref.add(kept.texture(index, rows.piece, columns.piece).to(feature.dtype))
        return lr.result(feature.dtype), ref.result(feature.dtype)

    def _tiles_of_blocks(self, matches: Matches, halo: float) -> Iterator[tuple[Span, Span]]:
        """Cut the LR into tiles of whole blocks, given the halo in LR pixels."""
        return product(
            *(
                spans(count, max(1, self.tile // size), math.ceil(halo / size))
                for count, size in zip(matches.blocks, matches.fine_index.shape[2:])
            )
        )


def _cut(feature: Tensor, rows: slice, columns: slice, height: int, width: int) -> Tensor:
    """Cut blocks of a given height and width out of a feature."""
    return feature[:, :, scaled(rows, height), scaled(columns, width)]
