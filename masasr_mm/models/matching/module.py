"""The Match & Extraction Module: the three stages of Fig. 3 as one registered module."""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from ..stages import stage
from . import coarse, extraction, fine, pruned
from .block_grid import BlockGrid
from .cells import to_cells
from .exact_products import exact_products
from .matches import Matches

SEARCHES = ('auto', 'exact', 'pruned')
EXACT_UP_TO = 2**28
"""K·H·W up to which ``search='auto'`` is exact: an LR of 362², a reference of its field of view."""


@MODELS.register_module()
class MatchExtractionModule(BaseModule):
    """MEM: match coarse to fine in feature space, then extract the reference's texture (Sec. 3.1).

    Calling the module does the matching, Stages 1 and 2, which is done once; :meth:`extract`,
    Stage 3, is done once for each scale. Matching is decided in float32, whatever the features
    are and whatever products torch may make less exact (:func:`exact_products`), so that nearly
    equal candidates are told apart alike on all devices. No tensor of unfolded patches is made:
    Stage 1 is a convolution, Stage 2 a matrix product of pixels summed along shifted diagonals,
    Stage 3 a weighted mean of reference cells.

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
            ``'pruned'``, by Eq. 1 for those that are best in fewer dimensions, which misses few
            of the best; ``'auto'``, exactly up to ``EXACT_UP_TO`` comparisons, and wherever the
            module is compiled or exported. Default: ``'auto'``.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

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

    def forward(self, lr: Tensor, ref_down: Tensor) -> Matches:
        """Match every position of the LR feature with one of the Ref↓ feature (Stages 1 and 2).

        Gradients reach both features through the similarities, but for patches that are all zero.

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).

        Returns:
            Matches: Indices, positions and similarities.

        Raises:
            ValueError: If blocks do not divide the LR, or Ref↓ is smaller than a patch.
        """
        grid = self.block_grid(lr, ref_down)
        exact = nullcontext() if torch.compiler.is_compiling() else exact_products()
        with torch.autocast(lr.device.type, enabled=False), exact:
            lr, ref_down = lr.float(), ref_down.float()
            with torch.no_grad():
                with stage('coarse matching'):
                    coarse_index = self.coarse_match(lr, ref_down, grid)
                with stage('fine matching'):
                    fine_index = self.fine_match(lr, ref_down, coarse_index, grid)
                    position = grid.positions(fine_index, coarse_index)
            with stage('similarity'):
                similarity = self.similarity(lr, ref_down, position)
        return Matches(coarse_index, fine_index, position, similarity, grid.blocks, grid.ref)

    def block_grid(self, lr: Tensor, ref_down: Tensor) -> BlockGrid:
        """Cut features into blocks.

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).

        Returns:
            BlockGrid: The blocks.

        Raises:
            ValueError: If blocks do not divide the LR, or Ref↓ is smaller than a patch.
        """
        sizes = ((feature.shape[2], feature.shape[3]) for feature in (lr, ref_down))
        return BlockGrid.of(*sizes, self.block_size, self.ref_block_ratio, self.patch_size)

    def coarse_match(self, lr: Tensor, ref_down: Tensor, grid: BlockGrid) -> Tensor:
        """Find the most relevant Ref↓ block of every LR block (Stage 1, Eq. 1).

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
            grid (BlockGrid): Of :meth:`block_grid`.

        Returns:
            Tensor: Their centres, flat indices into the Ref↓ grid, shape (N, K).
        """
        search = pruned if self.prunes(grid) else coarse
        return search.match_blocks(lr, ref_down, grid, self.dilations, self.max_elements)

    def prunes(self, grid: BlockGrid) -> bool:
        """Tell whether Stage 1 prunes its search, which the other samples of a batch do not change.

        Args:
            grid (BlockGrid): Of :meth:`block_grid`.

        Returns:
            bool: True for a pruned search, False for the exact one.
        """
        if self.search != 'auto' or torch.compiler.is_compiling():
            return self.search == 'pruned'
        return grid.number_of_blocks * math.prod(grid.ref) > EXACT_UP_TO

    def fine_match(
        self, lr: Tensor, ref_down: Tensor, coarse_index: Tensor, grid: BlockGrid
    ) -> Tensor:
        """Match all patches inside every pair of blocks (Stage 2, Eq. 2–3).

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
            coarse_index (Tensor): Centres of the Ref↓ blocks, shape (N, K).
            grid (BlockGrid): Of :meth:`block_grid`.

        Returns:
            Tensor: D, flat indices into the candidates of each block, shape (N, K, ky, kx).
        """
        return fine.match_patches(lr, ref_down, coarse_index, grid, self.max_elements)

    def similarity(self, lr: Tensor, ref_down: Tensor, position: Tensor) -> Tensor:
        """Return the cosine similarity of every LR patch with its match (Eq. 4).

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
            position (Tensor): Centres of the matched patches, flat, shape (N, h, w).

        Returns:
            Tensor: R, in [-1, 1], shape (N, h, w).
        """
        return fine.similarity(lr, ref_down, position, self.patch_size, self.max_elements)

    def extract(self, ref: Tensor, matches: Matches) -> Tensor:
        """Do Stage 3 with a feature of the reference (Eq. 5).

        Args:
            ref (Tensor): F_Ref^s, shape (N, C, s·H, s·W).
            matches (Matches): What the matching found.

        Returns:
            Tensor: M^s, shape (N, C, s·h, s·w).
        """
        cells = to_cells(ref, ref.shape[2] // matches.grid[0])
        del ref  # which frees a feature that the caller has no name for
        return self.extract_cells(cells, matches)

    def extract_cells(self, cells: Tensor, matches: Matches) -> Tensor:
        """Do what :meth:`extract` does with a feature that lies ready in cells.

        Args:
            cells (Tensor): F_Ref^s as :func:`~.cells.to_cells` returns it, shape
                (N, H, W, s, s, C).
            matches (Matches): What the matching found, for the LR or for some of its blocks.

        Returns:
            Tensor: M^s, shape (N, C, s·h, s·w).
        """
        return extraction.extract_cells(cells, matches, self.patch_size)
