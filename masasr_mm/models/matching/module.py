"""The Match & Extraction Module: the three stages of Fig. 3 as one registered module."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from ...compat import exact_products
from ..profiling import stage
from . import pruned_search, stages, window_search
from .blocks import BlockGrid, Size, pixel_unshuffle
from .matches import Matches

SEARCHES = ('auto', 'exact', 'pruned')
EXACT_UP_TO = 2**28
"""K·H·W up to which ``search='auto'`` is exact: an LR of 362², a reference of its field of view."""


@MODELS.register_module()
class MatchExtractionModule(BaseModule):
    """MEM: match coarse to fine in feature space, then extract the reference's texture (Sec. 3.1).

    Stage 1 is the paper's exact search up to ``EXACT_UP_TO`` comparisons, which holds for all of
    training and of the benchmarks. Above it ``search='auto'`` becomes approximate: it compares the
    positions alone that are best in fewer dimensions, and misses few of the best
    (:mod:`.pruned_search`).

    Calling the module does the matching, Stages 1 and 2, which is done once; :meth:`extract`,
    Stage 3, is done once for each scale. Matching is decided in float32, whatever the features
    are and whatever products torch may make less exact, so that nearly equal candidates are
    ranked alike on all devices.

    A module of one's own overrides :meth:`coarse_match`, ``fine_match``, ``similarity`` or
    :meth:`extract`; their signatures are those of the functions in :mod:`.stages`.

    Args:
        block_size (int): Aimed height and width of an LR block; the LR is cut into
            ``h // block_size`` by ``w // block_size`` blocks, which must divide it. Default: 8.
        ref_block_ratio (float): Size of a Ref↓ block over that of an LR block, for an LR and a
            Ref↓ of one size. Default: 1.5, the paper's 12 for 8.
        patch_size (int): Height and width of a patch, odd. Default: 3.
        dilations (tuple[int, ...]): Of the centre patches in Stage 1. Default: (1, 2, 3).
        max_elements (int, optional): Similarities that may be held at once; more are found one
            group of blocks and strip of Ref↓ after another. None: all at once. Default: 2**23.
        search (str): How Stage 1 finds the best position: ``'exact'``, by Eq. 1 for all of them;
            ``'pruned'``, by Eq. 1 for those that are best in fewer dimensions; ``'auto'``, exactly
            up to ``EXACT_UP_TO`` comparisons, and wherever the module is compiled or exported.
            Default: ``'auto'``.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.

    Raises:
        ValueError: If the patch size is even, or there is no such search.
    """

    fine_match = staticmethod(stages.fine_match)
    similarity = staticmethod(stages.similarity)

    def __init__(
        self,
        block_size: int = 8,
        ref_block_ratio: float = 1.5,
        patch_size: int = 3,
        dilations: tuple[int, ...] = (1, 2, 3),
        max_elements: int | None = 2**23,
        search: str = 'auto',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if patch_size % 2 == 0:
            raise ValueError(f'patch_size must be odd, so that a patch has a centre: {patch_size}')
        if search not in SEARCHES:
            raise ValueError(f'search={search!r}: it is one of {", ".join(map(repr, SEARCHES))}')
        self.block_size = block_size
        self.ref_block_ratio = ref_block_ratio
        self.patch_size = patch_size
        self.dilations = tuple(dilations)
        self.max_elements = max_elements
        self.search = search

    @property
    def supports_tiles(self) -> bool:
        """Whether its blocks are extracted apart from others: not by a Stage 3 of one's own."""
        return type(self).extract is MatchExtractionModule.extract

    def forward(self, lr: Tensor, ref_down: Tensor, places: Tensor | None = None) -> Matches:
        """Match every position of the LR feature with one of the Ref↓ feature (Stages 1 and 2).

        Gradients reach both features through the similarities, but for patches that are all zero.

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
            places (Tensor, optional): Where Stage 1 starts, as in :class:`.BlockGrid`; what lies
                elsewhere is searched for blocks alone that are not found there. Default: None.

        Returns:
            Matches: Indices, positions and similarities.

        Raises:
            ValueError: If blocks do not divide the LR, or Ref↓ is smaller than a patch.
        """
        sizes = ((feature.shape[2], feature.shape[3]) for feature in (lr, ref_down))
        grid = self.block_grid(*sizes)._replace(places=places)
        exact = nullcontext() if torch.compiler.is_compiling() else exact_products()
        with torch.autocast(lr.device.type, enabled=False), exact:
            lr, ref_down = lr.float(), ref_down.float()
            with torch.no_grad():
                with stage('coarse matching'):
                    coarse_index = self.coarse_match(lr, ref_down, grid)
                with stage('fine matching'):
                    centre = grid.centres(coarse_index)
                    fine_index = self.fine_match(lr, ref_down, centre, grid)
                    position = grid.positions(fine_index, centre)
            with stage('similarity'):
                similarity = self.similarity(lr, ref_down, position, grid)
        return Matches(coarse_index, fine_index, position, similarity, grid.blocks, grid.ref)

    def block_grid(self, lr: Size, ref: Size) -> BlockGrid:
        """Return how F_LR of a size (h, w) and F_Ref↓ of a size (H, W) are cut into blocks.

        A block of Ref↓ that has the LR's size holds ``ref_block_ratio`` times as many positions
        as an LR block, made odd; it never reaches over the grid.
        """
        patch, (py, px) = self.patch_size, (max(1, size // self.block_size) for size in lr)
        if lr[0] % py or lr[1] % px:
            raise ValueError(
                f'an LR of {lr[0]}×{lr[1]} cannot be cut into {py}×{px} equal blocks; '
                f'pad it to multiples of {self.block_size}'
            )
        if min(ref) < patch:
            raise ValueError(
                f'a Ref↓ of {ref[0]}×{ref[1]} holds no patch of {patch}×{patch}; pad it'
            )
        ref_block = (
            torch.sym_min(
                2 * torch.sym_int(size // (2 * count) * self.ref_block_ratio) + 1, size - patch + 1
            )
            for size, count in zip(ref, (py, px))
        )
        return BlockGrid(
            lr, ref, (py, px), tuple(ref_block), patch, self.dilations, self.max_elements
        )

    def coarse_match(self, lr: Tensor, ref_down: Tensor, grid: BlockGrid) -> Tensor:
        """Find the centre of the most relevant Ref↓ block of every LR block (Stage 1): (N, K)."""
        if grid.places is not None:
            return window_search.coarse_match(lr, ref_down, grid, self.coarse_match)
        search = pruned_search if self.prunes(grid) else stages
        return search.coarse_match(lr, ref_down, grid)

    def prunes(self, grid: BlockGrid) -> bool:
        """Whether Stage 1 prunes its search; the other samples of a batch do not change that."""
        if self.search != 'auto' or torch.compiler.is_compiling():
            return self.search == 'pruned'
        return grid.number_of_blocks * math.prod(grid.ref) > EXACT_UP_TO

    def extract(
        self, ref: Tensor, matches: Matches, sources: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Do Stage 3 with a feature of the reference of any scale (Eq. 5).

        Args:
            ref (Tensor): F_Ref^s, shape (N, C, s·H, s·W).
            matches (Matches): What the matching found.
            sources (tuple[Tensor, Tensor], optional): Where the pixels come from, if that is known
                from another scale. Default: None.

        Returns:
            Tensor: M^s, shape (N, C, s·h, s·w).
        """
        if sources is None:
            sources = stages.find_sources(matches, self.patch_size)
        unshuffled = pixel_unshuffle(ref, ref.shape[2] // matches.grid[0])
        del ref  # which frees a feature that the caller has no name for
        return stages.extract(unshuffled, matches, sources)

    def textures(self, refs: list[Tensor], matches: Matches) -> Iterator[Tensor]:
        """Extract from features of all scales, finest first, which are used up; coarsest first."""
        if not self.supports_tiles:
            while refs:
                yield self.extract(refs.pop(), matches)
            return
        sources = stages.find_sources(matches, self.patch_size)
        while refs:
            yield self.extract(refs.pop(), matches, sources)
