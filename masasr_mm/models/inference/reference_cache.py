"""The reference feature cache: features of the reference, or the texture made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..masa_net import MASANet
from ..matching import Matches
from ..matching.blocks import Region, groups, pixel_unshuffle
from ..matching.stages import extract, find_sources, summed, weigh
from ..profiling import stage
from .memory import MappedBuffers
from .tiling import Tile, Track, at, with_halo

ENCODING_REFERENCE = 'encoding the reference'
SOURCES_AT_ONCE = 2**23
"""Positions of Ref↓, each with its weight, that are looked at together."""


class ReferenceCache:
    """A reference that is encoded in tiles, so that its features never exist as a whole image.

    What no LR position was matched to is not encoded. ``tile`` counts Ref↓ pixels, ``halo`` how far
    the encoder looks, in pixels of the reference; without one it is encoded as a whole.
    """

    def __init__(
        self,
        net: MASANet,
        ref: Tensor,
        matches: Matches,
        tile: int,
        halo: int | None,
        dtype: torch.dtype | None = None,
        track: Track | None = None,
        buffers: MappedBuffers | None = None,
    ) -> None:
        self.net, self.matches, self.dtype = net, matches, dtype
        self.buffers = buffers or MappedBuffers(math.inf)
        self.levels: list[Tensor] = []
        if halo is None:
            boxes, margin = [tuple(slice(0, size) for size in matches.grid)], 0
        else:
            margin = math.ceil(halo / net.scale)
            boxes = bounding_boxes(self._matched().cpu().numpy(), margin, tile)
        tiles = [with_halo(box, matches.grid, (margin, margin)) for box in boxes]
        for part in track(tiles, ENCODING_REFERENCE) if track else tiles:
            self.take(ref, part)
            self.buffers.flush()

    def take(self, ref: Tensor, tile: Tile) -> None:
        """Encode a tile, in Ref↓ pixels, and keep what is needed."""
        raise NotImplementedError

    def texture(self, index: int, blocks: Region) -> Tensor:
        """Return M^s of some blocks (Eq. 5), (N, C, …, …), at 1× for index 0, 2× for 1."""
        raise NotImplementedError

    def pop(self, index: int) -> Tensor:
        """Return M^s of all blocks, (N, C, s·h, s·w), and free the memory of that scale."""
        texture = self.texture(index, tuple(slice(0, count) for count in self.matches.blocks))
        self.forget(index)
        return texture

    def forget(self, index: int) -> None:
        """Free the memory of a scale."""
        self.levels[index] = self.levels[index].new_empty(0)

    def _matched(self) -> Tensor:
        """Return which positions of Ref↓ any texture of the batch is made of, (H, W), bool."""
        n, _, width = self.matches.position.shape
        block, patch_size = self.matches.fine_index.shape[2], self.net.matching.patch_size
        (height, grid_width), (rows, columns) = self.matches.grid, self.matches.blocks
        total = self.matches.similarity.new_zeros(n * height * grid_width)
        for group in groups(rows, n * block * width * patch_size**2, SOURCES_AT_ONCE):
            part = self.matches.crop(group, slice(0, columns))
            # Sources without weight stand for another place.
            total.index_add_(0, *(found.flatten() for found in find_sources(part, patch_size)))
        return (total > 0).view(n, height, grid_width).any(dim=0)

    def _encode(self, ref: Tensor, tile: Tile) -> Iterator[Tensor]:
        """Yield the features of a tile, pixel-unshuffled, at every scale, 1× first."""
        with stage('encode Ref'):
            features = self.net.encode(ref[at(tile.outer, self.net.scale)])
        for index in range(len(features)):
            yield pixel_unshuffle(features.pop()[at(tile.inner, 2**index)], 2**index)

    def _level(self, index: int, unshuffled: Tensor, size: tuple[int, int]) -> Tensor:
        """Return what is kept of a scale, made when the first tile comes."""
        if len(self.levels) == index:
            shape = (len(unshuffled), *size, *unshuffled.shape[3:])
            dtype = self.dtype or unshuffled.dtype
            self.levels.append(self.buffers.zeros(shape, dtype, unshuffled.device))
        return self.levels[index]


class FeatureCache(ReferenceCache):
    """Keeps all features of the reference; the less memory where the LR is larger."""

    def take(self, ref: Tensor, tile: Tile) -> None:
        """Encode a tile and keep its features."""
        for index, unshuffled in enumerate(self._encode(ref, tile)):
            level = self._level(index, unshuffled, self.matches.grid)
            level[:, tile.core[0], tile.core[1]] = unshuffled

    def texture(self, index: int, blocks: Region) -> Tensor:
        """Extract the texture of some blocks."""
        with stage(f'extract {2**index}×'):
            matches = self.matches.crop(*blocks)
            sources = find_sources(matches, self.net.matching.patch_size)
            return extract(self.levels[index], matches, sources)


class TextureCache(ReferenceCache):
    """Keeps the texture alone, summed up tile by tile, so that references cost no memory."""

    @cached_property
    def _sources(self) -> tuple[Tensor, ...]:
        """Which positions make up each LR position, their weights, and the box around them."""
        index, weights = find_sources(self.matches, self.net.matching.patch_size)
        (height, width), unused = self.matches.grid, weights == 0
        y, x = index // width % height, index % width
        low = (side.masked_fill(unused, height + width).amin(dim=1) for side in (y, x))
        high = (side.masked_fill(unused, -1).amax(dim=1) for side in (y, x))
        return index, weights, *low, *high

    def take(self, ref: Tensor, tile: Tile) -> None:
        """Encode a tile and add its share to the texture."""
        sources, weights, top, left, bottom, right = self._sources
        height, width = self.matches.grid
        rows, columns = tile.core
        near = (top < rows.stop) & (bottom >= rows.start)
        near &= (left < columns.stop) & (right >= columns.start)
        touched = near.nonzero().flatten()
        sources, weights = sources[touched], weights[touched]
        y, x = sources // width % height - rows.start, sources % width - columns.start
        size = rows.stop - rows.start, columns.stop - columns.start
        weights = weights * ((y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1]))
        local = (sources // (width * height) * size[0] + y) * size[1] + x
        local = torch.where(weights > 0, local, 0)
        for index, unshuffled in enumerate(self._encode(ref, tile)):
            with stage(f'extract {2**index}×'):
                share = summed(unshuffled, local, weights)
                level = self._level(index, unshuffled, self.matches.position.shape[1:])
                level.flatten(0, 2).flatten(1).index_add_(0, touched, share.to(level.dtype))

    def texture(self, index: int, blocks: Region) -> Tensor:
        """Weight the texture of some blocks."""
        (_, rows, columns) = at(blocks, self.matches.fine_index.shape[2:])
        with stage(f'extract {2**index}×'):
            return weigh(self.levels[index][:, rows, columns], self.matches.crop(*blocks))


def smaller_cache(matches: Matches) -> type[ReferenceCache]:
    """Return what takes less memory: the features of the reference, or the texture."""
    lr_pixels, ref_pixels = matches.position[0].numel(), math.prod(matches.grid)
    return TextureCache if lr_pixels < ref_pixels else FeatureCache


def bounding_boxes(marked: np.ndarray, margin: int, max_side: int) -> list[Region]:
    """Cover all marked places, (H, W), with boxes that do not overlap.

    The bounding box of all of them is cut in two, again and again, where the two with their margins
    have a smaller area than the one, or where it is too long.
    """
    found, waiting = [], [(0, 0, marked)]
    while waiting:
        top, left, part = waiting.pop()
        if not part.any():
            continue
        rows, columns = (np.flatnonzero(part.any(axis=axis)) for axis in (1, 0))
        part = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        top, left = top + int(rows[0]), left + int(columns[0])
        height, width = part.shape
        areas = [_areas_of_two(cut, margin) for cut in (part, part.T)]
        axis = int(areas[1].min() < areas[0].min())
        cut = int(areas[axis].argmin()) + 1
        if areas[axis][cut - 1] >= (height + 2 * margin) * (width + 2 * margin):
            if max(height, width) <= max_side:
                found.append((slice(top, top + height), slice(left, left + width)))
                continue
            axis = int(width > height)
            pieces = math.ceil(part.shape[axis] / max_side)
            cut = math.ceil(part.shape[axis] / pieces) * (pieces // 2)
        if axis == 0:
            waiting += [(top, left, part[:cut]), (top + cut, left, part[cut:])]
        else:
            waiting += [(top, left, part[:, :cut]), (top, left + cut, part[:, cut:])]
    return found


def _areas_of_two(marked: np.ndarray, margin: int) -> np.ndarray:
    """Return the areas of two boxes for a cut above row 1, 2, …; infinite at the end."""
    first, second = _areas(marked, margin), _areas(marked[::-1], margin)[::-1]
    return np.append(first[:-1] + second[1:], np.inf)


def _areas(marked: np.ndarray, margin: int) -> np.ndarray:
    """Return the area of the box around the first 1, 2, … rows, the first of them marked."""
    height, width = marked.shape
    any_there = marked.any(axis=1)
    first = np.where(any_there, marked.argmax(axis=1), width)
    last = np.where(any_there, width - 1 - marked[:, ::-1].argmax(axis=1), 0)
    first, last = np.minimum.accumulate(first), np.maximum.accumulate(last)
    bottom = np.maximum.accumulate(np.where(any_there, np.arange(height), 0))
    return (bottom + 1 + 2 * margin) * (last - first + 1 + 2 * margin)
