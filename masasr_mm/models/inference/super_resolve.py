"""The one way to run a generator on images of any size."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import UserError
from ...system import give_freed_memory_back
from ..adaptation import Moments, moments, whole_image_moments
from ..layers import autocast, upsample
from ..masa_net import MASANet
from ..matching import Matches, MatchMaps, match_maps
from ..matching.blocks import Size
from ..sizes import SizeRequirements
from .estimate import (
    ENCODING_PHOTO,
    MATCHING,
    Estimate,
    estimate,
    fusing,
    is_large,
    statistics,
)
from .memory import (
    MappedBuffers,
    check_disk,
    check_memory,
    choose_tile,
    ref_tile,
)
from .reference_cache import ReferenceCache, smaller_cache
from .tiling import (
    Tile,
    Track,
    at,
    cut_into_tiles,
    encoder_halo,
    fusion_halo,
    fusion_tiles,
    lr_tiles,
    moments_of_all,
)

Run = Callable[..., tuple[Tensor, Matches | None]]


@dataclasses.dataclass(frozen=True)
class InferenceOptions:
    """How a network is run on images; ``test_cfg`` of the editor ``MASA`` holds the same.

    Args:
        tile (int | str, optional): Run the network in tiles of so many LR pixels, with the same
            result in less memory; ``'auto'`` large photos on a CPU, where that is faster, and
            what would not fit. Default: None, whole.
        ref_dtype (str, optional): In which tiles keep features of the reference, such as
            ``'float16'`` for half of the memory. Default: None, as they are computed.
        dtype (str, optional): ``'bfloat16'`` or ``'float16'`` runs the convolutions in it, under
            autocast; the matching is decided in float32 all the same. Default: None, float32.
        ensemble (bool): Average the results of all eight flips and turns of the images, which
            takes about seven times as long and gains 0.3 to 0.5 dB. Default: False.
        compile (bool): Compile the network for each size of photo and reference, which takes a
            minute or more; images are run whole and matched exactly. Default: False.
        track (Callable, optional): Called with the list of tiles of each step and what the step
            does; returns what iterates over them, such as a progress bar. Default: None.
        announce (Callable, optional): Called with the :class:`Estimate` of large images before
            they are run. Default: None.
        places (Callable, optional): Looks up where in Ref↓ LR pixels (y, x), (..., 2), lie in each
            of P aligned references, (P, ..., 2), NaN for nowhere; matching starts there.
            Default: None.
        examine (Callable, optional): Called once with the :class:`MatchMaps` of all images as soon
            as they are known; what it raises ends the run. Default: None.
    """

    tile: int | str | None = None
    ref_dtype: str | None = None
    dtype: str | None = None
    ensemble: bool = False
    compile: bool = False
    track: Track | None = None
    announce: Callable[[Estimate], None] | None = None
    places: Callable[[np.ndarray], np.ndarray] | None = None
    examine: Callable[[list[MatchMaps]], None] | None = None

    @classmethod
    def of(cls, test_cfg: dict | None, **given: object) -> InferenceOptions:
        """Take the options of a config, and others given by name."""
        options = {**(test_cfg or {}), **given}
        known = [field.name for field in dataclasses.fields(cls)]
        for name in options:
            if name not in known:
                raise UserError(f'test_cfg has no option {name!r}; it has {", ".join(known)}')
        return cls(**options)


def super_resolve(
    generator: nn.Module,
    lq: Tensor,
    ref: Tensor,
    ref_down: Tensor,
    options: InferenceOptions | None = None,
) -> tuple[Tensor, list[MatchMaps | None]]:
    """Pad images to sizes that the generator takes, run it, and crop the result.

    Args:
        generator (nn.Module): ``MASANet``, or what has the same ``super_resolve``, sizes and
            ``supports_tiles``.
        lq (Tensor): LR images, shape (N, 3, h, w), RGB in [0, 1]; h and w from 8 up.
        ref (Tensor): References, shape (N, 3, H', W') with H' ≤ scale·H and W' ≤ scale·W, RGB in
            [0, 1].
        ref_down (Tensor): The references bicubically reduced, shape (N, 3, H, W), RGB in [0, 1].
        options (InferenceOptions, optional): How. Default: None, everything at once, in float32.

    Returns:
        tuple[Tensor, list[MatchMaps | None]]: The SR images, shape (N, 3, scale·h, scale·w), about
        [0, 1], and for each of them where its texture came from; None if the network tells no
        matches.

    Raises:
        UserError: If a reference is larger than ``scale`` times its reduced one, there is not
            enough memory or disk, or tiles of a given size are asked of a network that has none.
    """
    options = options or InferenceOptions()
    (height, width), scale = lq.shape[2:], generator.scale
    images = _padded(generator, lq, ref, ref_down)

    def maps_of(matches: Matches | None) -> list[MatchMaps | None]:
        if matches is None:
            return [None] * len(lq)
        return match_maps(matches, height, width, scale)

    def examine(matches: Matches | None) -> None:
        if options.examine and matches is not None:
            options.examine(maps_of(matches))

    dtype = getattr(torch, options.dtype or 'float32')
    as_it_is = dtype == torch.float32
    cast = nullcontext(generator) if as_it_is else autocast(generator, lq.device, dtype)
    with cast as network:
        places = _block_places(network, images[0], (height, width), options.places)
        aligned = 0 if places is None else places.shape[1]
        run = _runner(network, *images[:2], options, aligned)
        sr, matches = run(*images, places, examine)
        if options.ensemble:
            sr = _ensemble(sr, run, images, places)
    return sr[..., : height * scale, : width * scale], maps_of(matches)


def without_hue(sr: Tensor) -> Tensor:
    """Return an RGB image (3, H, W) in grey, (3, H, W), as Pillow makes it (BT.601)."""
    luma = torch.einsum('chw,c->hw', sr, sr.new_tensor((0.299, 0.587, 0.114)))
    return luma.expand(3, -1, -1).contiguous()


def pad_to(image: Tensor, height: int, width: int) -> Tensor:
    """Repeat the last row and column of (N, C, H, W) until it has a given size."""
    bottom, right = height - image.shape[2], width - image.shape[3]
    if bottom == right == 0:
        return image
    return F.pad(image, (0, right, 0, bottom), mode='replicate')


def _padded(
    generator: nn.Module, lq: Tensor, ref: Tensor, ref_down: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Bring LR and reference to sizes that the generator takes."""
    sizes, scale = SizeRequirements.of(generator), generator.scale
    lq = pad_to(lq, *sizes.lq_size(lq.shape[2:]))
    ref_size = sizes.ref_size([length * scale for length in ref_down.shape[2:]])
    ref_down = pad_to(ref_down, *(length // scale for length in ref_size))
    if any(have > limit for have, limit in zip(ref.shape[2:], ref_size)):
        raise UserError(
            f'ref_img is {ref.shape[2]}×{ref.shape[3]}, more than {scale} times '
            f'ref_down, {ref_down.shape[2]}×{ref_down.shape[3]}; make ref_down from it'
        )
    return lq, pad_to(ref, *ref_size), ref_down


def _runner(
    generator: nn.Module, lq: Tensor, ref: Tensor, options: InferenceOptions, aligned: int
) -> Run:
    """Return how to run the generator, given images, places and what examines the matches."""
    tile = options.tile
    if options.compile or not generator.supports_tiles:
        if tile not in (None, 'auto'):
            part = getattr(generator, 'matching', generator)
            name = getattr(generator, 'name', type(part).__name__)
            name = 'a compiled network' if options.compile else name
            raise UserError(
                f'tile={tile}: {name} has no tiles; do without (tile=None, --tile none)'
            )
        return _run_whole(generator, lq.device if options.compile else None)
    if tile == 'auto':
        tile = choose_tile(generator, lq, ref, options.ensemble)
    check_memory(generator, lq, ref, tile, options.ensemble)
    if tile:
        check_disk(generator, lq, ref, tile, options.ref_dtype)
    if options.announce:
        expected = estimate(generator, lq, ref, tile, options.ref_dtype, options.ensemble, aligned)
        if expected is not None:
            options.announce(expected)
    return TiledMASANet(generator, tile, options.ref_dtype, options.track).super_resolve


def _run_whole(generator: nn.Module, compiled_for: torch.device | None) -> Run:
    """Return how a network runs as it is or compiled; a GPU replays sizes that came before."""
    forward = generator.super_resolve
    if compiled_for is not None:
        mode = 'reduce-overhead' if compiled_for.type == 'cuda' else None
        # torch remembers what it compiled, whoever asks for it again.
        forward = torch.compile(forward, mode=mode, dynamic=False)

    def run(
        lq: Tensor,
        ref: Tensor,
        ref_down: Tensor,
        places: Tensor | None,
        examine: Callable[[Matches | None], None] | None = None,
    ) -> tuple[Tensor, Matches | None]:
        sr, matches = forward(lq, ref, ref_down)
        if compiled_for is not None:  # what is replayed writes over its results
            sr = sr.clone()
            if matches is not None:
                matches = Matches(*(part.clone() for part in matches[:4]), *matches[4:])
        if examine:
            examine(matches)
        return sr, matches

    return run


def _block_places(
    generator: nn.Module,
    lq: Tensor,
    size: Size,
    places: Callable[[np.ndarray], np.ndarray] | None,
) -> Tensor | None:
    """Return where in Ref↓ the centres of blocks lie, (1, P, 2, py, px); the LR had a size."""
    if places is None or not generator.supports_tiles:
        return None
    step = generator.matching.block_size
    centres = np.stack(np.mgrid[: lq.shape[2] : step, : lq.shape[3] : step], axis=-1) + step // 2
    found = torch.from_numpy(places(np.minimum(centres, np.array(size) - 1))).to(lq)
    return found.movedim(3, 1)[None] if len(found) else None


def _ensemble(first: Tensor, run: Run, images: tuple[Tensor, ...], places: Tensor | None) -> Tensor:
    """Average the first SR image and those of all other flips and turns, in its place."""
    ways = list(product((False, True), range(4)))
    for mirrored, turns in ways[1:]:
        turned = ((i.flip(3) if mirrored else i).rot90(turns, dims=(2, 3)) for i in images)
        there = _turned_places(places, images[2].shape[2:], mirrored, turns)
        sr = run(*turned, there)[0].rot90(-turns, dims=(2, 3))
        first += sr.flip(3) if mirrored else sr
        del sr  # before the next one is made
    return first.div_(len(ways))


def _turned_places(places: Tensor | None, size: Size, mirrored: bool, turns: int) -> Tensor | None:
    """Return places, (N, P, 2, py, px), in a Ref↓ of a size that is turned as the LR is."""
    if places is None:
        return None
    (height, width), (y, x) = size, places.unbind(2)
    if mirrored:
        y, x = y.flip(3), (width - 1 - x).flip(3)
    for _ in range(turns):
        y, x = (width - 1 - x).rot90(dims=(2, 3)), y.rot90(dims=(2, 3))
        height, width = width, height
    return torch.stack([y, x], dim=2)


class TiledMASANet:
    """A MASANet that runs in tiles, with the result of the whole to float rounding.

    Matching is done once over everything. The reference is encoded in tiles where something was
    matched to it, and its features or the texture made of them are kept, whichever is less. The LR
    image is encoded in tiles, too, and every scale runs in tiles of whole blocks with the halo that
    their convolutions see; the statistics of SAM are taken over the whole image before. ``tile``
    LR pixels, rounded to whole blocks, are the side of a tile at the last scale; with None the
    whole is one.
    """

    def __init__(
        self,
        net: MASANet,
        tile: int | None,
        ref_dtype: str | None = None,
        track: Track | None = None,
        buffers: MappedBuffers | None = None,
    ) -> None:
        self.net = net
        self.tile = tile
        self.ref_dtype = getattr(torch, ref_dtype) if ref_dtype else None
        self.track = track or (lambda tiles, description: tiles)
        self.buffers = buffers or MappedBuffers(None if tile else math.inf)
        if tile:
            self.halos = [fusion_halo(net, index) for index in range(len(net.refinements))]
            self.encoder_halo = encoder_halo(net)
        else:
            self.encoder_halo = getattr(net.encoder, 'halo', None)

    @torch.no_grad()
    def super_resolve(
        self,
        lq: Tensor,
        ref: Tensor,
        ref_down: Tensor,
        places: Tensor | None = None,
        examine: Callable[[Matches], None] | None = None,
    ) -> tuple[Tensor, Matches]:
        """Do what :meth:`MASANet.super_resolve` does, with the same arguments and result.

        ``places`` are the matching's, where in Ref↓ the blocks lie; ``examine`` is called with the
        matches before they are used.
        """
        net = self.net
        net.check_sizes(lq, ref, ref_down)
        # Between steps, which need memory of other sizes; of small images it would take time.
        tidy = give_freed_memory_back if is_large(net, lq, ref) else lambda: None
        lr, feature = self._encode_lr(lq)
        known = {} if places is None else dict(places=places)
        [matches] = [net.match(lr, ref_down, **known) for _ in self.track([lq], MATCHING)]
        del lr
        tidy()
        if examine:
            examine(matches)
        cache = smaller_cache(matches)(
            net,
            ref,
            matches,
            ref_tile(lq, self.tile),
            self.encoder_halo,
            self.ref_dtype,
            self.track,
            self.buffers,
        )
        last = len(net.refinements) - 1
        for index in range(last):
            tidy()
            feature = self._fuse(index, feature, cache)
        tidy()
        return self._finish(last, feature, cache, lq), matches

    def _encode_lr(self, lq: Tensor) -> tuple[Tensor, Tensor]:
        """Do what :meth:`MASANet.encode_lr` does."""
        scale, size = self.net.scale, lq.shape[2:]
        if not self.tile or max(size) <= self.tile * scale:
            [features] = [self.net.encode_lr(i) for i in self.track([lq], ENCODING_PHOTO)]
            return features
        whole: list[Tensor] = []
        for tile in self.track(lr_tiles(self.net, size, self.tile * scale), ENCODING_PHOTO):
            for index, feature in enumerate(self.net.encode_lr(lq[at(tile.outer, scale)])):
                if len(whole) == index:
                    whole.append(self.buffers.feature((*feature.shape[:2], *size), feature))
                whole[index][at(tile.core, scale)] = feature[at(tile.inner, scale)]
            self.buffers.flush()
        return whole[0], whole[1]

    def _fuse(self, index: int, feature: Tensor, cache: ReferenceCache) -> Tensor:
        """Run a fusion module; return the decoder's next feature."""
        tiles, scale = self._tiles(index, cache), 2**index
        if len(tiles) == 1:
            [fused] = [
                self.net.fuse(index, feature, cache.pop(index).to(feature.dtype))
                for _ in self.track(tiles, fusing(scale))
            ]
            return fused
        size = (scale * length for length in cache.matches.position.shape[1:])
        out = self.buffers.feature((*feature.shape[:2], *size), feature)
        for here, fused in self._fused(index, feature, cache, tiles):
            out[here] = fused
        cache.forget(index)
        return out

    def _finish(self, index: int, feature: Tensor, cache: ReferenceCache, lq: Tensor) -> Tensor:
        """Run the last fusion module and what follows it; return the SR image."""
        tiles = self._tiles(index, cache)
        if len(tiles) == 1:
            residual = self.net.residual_image(self._fuse(index, feature, cache))
            return residual + self.net.enlarge(lq)
        image = self.net.enlarge(lq)
        for here, residual in self._fused(index, feature, cache, tiles, self.net.residual_image):
            image[here] += residual
        return image

    def _fused(
        self,
        index: int,
        feature: Tensor,
        cache: ReferenceCache,
        tiles: list[Tile],
        head: Callable[[Tensor], Tensor] = lambda fused: fused,
    ) -> Iterator[tuple[tuple, Tensor]]:
        """Yield the tiles of what a fusion module and a head make, and their places."""
        size = [2**index * length for length in cache.matches.fine_index.shape[2:]]
        measured = self._moments(index, feature, cache)
        for tile in self.track(tiles, fusing(2**index)):
            part = self._part(index, feature, tile, cache)
            texture = cache.texture(index, tile.outer).to(part.dtype)
            with whole_image_moments(*measured):
                fused = head(self.net.fuse(index, part, texture))
            yield at(tile.core, size), fused[at(tile.inner, size)]
            self.buffers.flush()

    def _moments(
        self, index: int, feature: Tensor, cache: ReferenceCache
    ) -> tuple[Moments, Moments]:
        """Return the moments of the whole LR feature and of the whole texture of a scale."""
        size = [2**index * length for length in cache.matches.fine_index.shape[2:]]
        tiles, counts = self._tiles(index, cache, 1), []
        # Made before: new small tensors would cut up the memory that large ones leave.
        dtype = torch.promote_types(feature.dtype, torch.float32)
        shape = 2, 2, len(tiles), *feature.shape[:2], 1, 1
        measured = torch.empty(shape, dtype=dtype, device=feature.device)
        for number, tile in enumerate(self.track(tiles, statistics(2**index))):
            part = self._part(index, feature, tile, cache)
            part = upsample(part) if index else part
            for kept, image in zip(
                measured[:, :, number],
                (part[at(tile.inner, size)], cache.texture(index, tile.core).to(feature.dtype)),
            ):
                kept[0], kept[1], count = moments(image)
            counts.append(count)
            self.buffers.flush()
        lr, ref = (moments_of_all(*kept, counts) for kept in measured)
        return lr, ref

    def _tiles(self, index: int, cache: ReferenceCache, halo: int | None = None) -> list[Tile]:
        """Cut the LR into tiles of whole blocks, with the halo of a fusion module or another."""
        blocks, block = cache.matches.blocks, cache.matches.fine_index.shape[2:]
        if not self.tile:
            return cut_into_tiles(blocks, blocks, (0, 0))
        halo = self.halos[index] if halo is None else halo
        return fusion_tiles(self.net, self.tile, index, blocks, block, halo)

    @staticmethod
    def _part(index: int, feature: Tensor, tile: Tile, cache: ReferenceCache) -> Tensor:
        """Cut what a fusion module sees for a tile out of the decoder's feature."""
        before = 2 ** max(0, index - 1)
        return feature[at(tile.outer, [before * n for n in cache.matches.fine_index.shape[2:]])]
