"""What inference keeps of the reference: its features, or the texture made of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from ..masa_net import MASANet
from ..matching import Matches
from ..matching.blocks import groups, pixel_unshuffle
from ..matching.stages import extract, sources, weigh
from ..stages import stage
from .covering import covering
from .halos import encoder_halo
from .rooms import Rooms
from .spans import Span, scaled, span
from .track import ENCODING_REFERENCE, Track, untracked

SOURCES_AT_ONCE = 2**23
"""Places of Ref↓, each with its weight, that are looked at together."""


class KeptReference:
    """A reference that is encoded in tiles, so that its features never exist as a whole image.

    What no LR position was matched to is not encoded.

    Args:
        net (MASANet): The network.
        ref (Tensor): The reference, shape (N, 3, scale·H, scale·W), RGB in [0, 1].
        matches (Matches): Between the LR and Ref↓.
        tile (int): Height and width of a tile in Ref↓ pixels.
        dtype (torch.dtype, optional): In which things are kept. Default: None, as they are
            computed.
        track (Track): See :data:`Track`. Default: without a progress bar.
        rooms (Rooms, optional): Where what is kept lies. Default: None, in memory.
    """

    def __init__(
        self,
        net: MASANet,
        ref: Tensor,
        matches: Matches,
        tile: int,
        dtype: torch.dtype | None = None,
        track: Track = untracked,
        rooms: Rooms | None = None,
    ) -> None:
        self.net, self.matches, self.dtype = net, matches, dtype
        self.rooms = rooms or Rooms(largest=sys.maxsize)
        self.levels: list[Tensor] = []
        halo = -(-encoder_halo(net) // net.scale)
        rectangles = covering(self._matched().cpu().numpy(), halo, tile)
        tiles = [
            tuple(span(piece, size, halo) for piece, size in zip(rectangle, matches.grid))
            for rectangle in rectangles
        ]
        for rows, columns in track(tiles, ENCODING_REFERENCE):
            self.take(ref, rows, columns)
            self.rooms.settle()

    def take(self, ref: Tensor, rows: Span, columns: Span) -> None:
        """Encode a tile and keep what is needed of it.

        Args:
            ref (Tensor): The whole reference.
            rows (Span): Rows of the tile, in Ref↓.
            columns (Span): Columns of the tile, in Ref↓.
        """
        raise NotImplementedError

    def texture(self, index: int, rows: slice, columns: slice) -> Tensor:
        """Return M^s of some blocks (Eq. 5).

        Args:
            index (int): The scale: 0 at 1×, 1 at 2×, 2 at 4×.
            rows (slice): Rows of blocks.
            columns (slice): Columns of blocks.

        Returns:
            Tensor: Shape (N, C, …, …), in the dtype that things are kept in.
        """
        raise NotImplementedError

    def pop(self, index: int) -> Tensor:
        """Return M^s of all blocks, and free the memory of that scale.

        Args:
            index (int): The scale: 0 at 1×, 1 at 2×, 2 at 4×.

        Returns:
            Tensor: Shape (N, C, s·h, s·w).
        """
        texture = self.texture(index, *(slice(0, count) for count in self.matches.blocks))
        self.forget(index)
        return texture

    def forget(self, index: int) -> None:
        """Free the memory of a scale.

        Args:
            index (int): The scale: 0 at 1×, 1 at 2×, 2 at 4×.
        """
        self.levels[index] = self.levels[index].new_empty(0)

    def _matched(self) -> Tensor:
        """Return which places of Ref↓ any texture of the batch is made of, shape (H, W), bool."""
        n, _, width = self.matches.position.shape
        block, patch_size = self.matches.fine_index.shape[2], self.net.matching.patch_size
        (height, grid_width), (rows, columns) = self.matches.grid, self.matches.blocks
        total = self.matches.similarity.new_zeros(n * height * grid_width)
        for group in groups(rows, n * block * width * patch_size**2, SOURCES_AT_ONCE):
            part = self.matches.crop(group, slice(0, columns))
            # Sources without weight stand for another place.
            total.index_add_(0, *(found.flatten() for found in sources(part, patch_size)))
        return (total > 0).view(n, height, grid_width).any(dim=0)

    def _encode(self, ref: Tensor, rows: Span, columns: Span) -> Iterator[Tensor]:
        """Yield the cells of a tile at every scale, 1× first."""
        scale = self.net.scale
        part = ref[:, :, scaled(rows.outer, scale), scaled(columns.outer, scale)]
        with stage('encode Ref'):
            features = self.net.encode(part)
        for index in range(len(features)):
            inner = scaled(rows.inner, 2**index), scaled(columns.inner, 2**index)
            yield pixel_unshuffle(features.pop()[:, :, inner[0], inner[1]], 2**index)

    def _room(self, index: int, cells: Tensor, size: tuple[int, int]) -> Tensor:
        """Return what is kept of a scale, made when the first tile comes."""
        if len(self.levels) == index:
            shape = (len(cells), *size, *cells.shape[3:])
            self.levels.append(self.rooms.zeros(shape, self.dtype or cells.dtype, cells.device))
        return self.levels[index]


class KeptFeatures(KeptReference):
    """Keeps all features of the reference, in cells; the less memory where the LR is larger."""

    def take(self, ref: Tensor, rows: Span, columns: Span) -> None:  # noqa: D102  (see above)
        for index, cells in enumerate(self._encode(ref, rows, columns)):
            room = self._room(index, cells, self.matches.grid)
            room[:, rows.piece, columns.piece] = cells

    def texture(self, index: int, rows: slice, columns: slice) -> Tensor:  # noqa: D102
        with stage(f'extract {2**index}×'):
            matches = self.matches.crop(rows, columns)
            return extract(self.levels[index], matches, self.net.matching.patch_size)


class KeptTexture(KeptReference):
    """Keeps the texture alone, summed up tile by tile, so that references cost no memory."""

    @cached_property
    def _sources(self) -> tuple[Tensor, Tensor]:
        return sources(self.matches, self.net.matching.patch_size)

    def take(self, ref: Tensor, rows: Span, columns: Span) -> None:  # noqa: D102  (see above)
        sources, weights = self._sources
        height, width = self.matches.grid
        y = sources // width % height - rows.piece.start
        x = sources % width - columns.piece.start
        size = [span.piece.stop - span.piece.start for span in (rows, columns)]
        weights = weights * ((y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1]))
        touched = weights.sum(dim=1).nonzero().flatten()
        local = (sources // (width * height) * size[0] + y) * size[1] + x
        local = torch.where(weights > 0, local, 0)[touched]
        for index, cells in enumerate(self._encode(ref, rows, columns)):
            with stage(f'extract {2**index}×'):
                share = F.embedding_bag(
                    local,
                    cells.flatten(0, 2).flatten(1),
                    mode='sum',
                    per_sample_weights=weights[touched].to(cells.dtype),
                )
                room = self._room(index, cells, self.matches.position.shape[1:])
                room.flatten(0, 2).flatten(1).index_add_(0, touched, share.to(room.dtype))

    def texture(self, index: int, rows: slice, columns: slice) -> Tensor:  # noqa: D102
        ky, kx = self.matches.fine_index.shape[2:]
        with stage(f'extract {2**index}×'):
            cells = self.levels[index][:, scaled(rows, ky), scaled(columns, kx)]
            return weigh(cells, self.matches.crop(rows, columns))


def smaller_kind(matches: Matches) -> type[KeptReference]:
    """Return what takes less memory: the features of the reference, or the texture.

    Args:
        matches (Matches): Between the LR and Ref↓.

    Returns:
        type[KeptReference]: :class:`KeptFeatures` or :class:`KeptTexture`.
    """
    lr_pixels, ref_pixels = matches.position[0].numel(), matches.grid[0] * matches.grid[1]
    return KeptTexture if lr_pixels < ref_pixels else KeptFeatures
