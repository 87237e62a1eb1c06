"""The matching in the released way, to compare time, memory and results with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..models import MatchExtractionModule
from ..models.matches import Matches
from ..models.matching import EPS


class UnfoldedMatching(MatchExtractionModule):
    """MEM by unfolding all patches, gathering and folding, as the released code works.

    Stages 1 to 3 follow Eq. 1–5 literally: patches are cut out, normalised and multiplied, and
    the matched ones of 3s×3s pixels are laid down again and averaged. Arguments and results of
    all methods are those of :class:`MatchExtractionModule`; time and memory are what that class
    is there to spare.

    Args:
        **settings: As for :class:`MatchExtractionModule`.
    """

    @classmethod
    def like(cls, matching: MatchExtractionModule) -> UnfoldedMatching:
        """Return a module with the settings of another.

        Args:
            matching (MatchExtractionModule): The other.

        Returns:
            UnfoldedMatching: The module.
        """
        names = ('block_size', 'ref_block_ratio', 'patch_size', 'dilations')
        return cls(**{name: getattr(matching, name) for name in names})

    def coarse_match(self, lr: Tensor, ref_down: Tensor, blocks: tuple[int, int]) -> Tensor:
        """Do Stage 1 with all dilated patches of Ref↓ unfolded (Eq. 1)."""
        similarity = 0
        for dilation in self.dilations:
            patches = self._centre_patches(lr, blocks, dilation).flatten(2)
            candidates = F.unfold(
                ref_down, self.patch_size, dilation, padding=dilation * self.radius
            )
            similarity = similarity + patches @ F.normalize(candidates, dim=1, eps=EPS)
        return similarity.argmax(dim=2)

    def fine_match(
        self, lr: Tensor, ref_down: Tensor, coarse_index: Tensor, blocks: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Do Stage 2 with all patches of both blocks unfolded (Eq. 2–3)."""
        lr_blocks = self._rimmed_blocks(lr, blocks).permute(0, 3, 1, 2)
        grid = (ref_down.shape[2], ref_down.shape[3])
        ref_blocks = self._ref_blocks(ref_down, coarse_index, grid, blocks)
        lr_patches, ref_patches = (
            F.normalize(F.unfold(part, self.patch_size), dim=1, eps=EPS)
            for part in (lr_blocks, ref_blocks)
        )
        index = (lr_patches.transpose(1, 2) @ ref_patches).argmax(dim=2)
        ky, kx = (size // count for size, count in zip(lr.shape[2:], blocks))
        index = index.view(*coarse_index.shape, ky, kx)
        return index, self.positions(index, coarse_index, grid, blocks)

    def extract(self, ref: Tensor, matches: Matches) -> Tensor:
        """Do Stage 3 with all patches of 3s×3s pixels unfolded, then folded (Eq. 5)."""
        scale = ref.shape[2] // matches.grid[0]
        blocks = self._ref_blocks(ref, matches.coarse_index, matches.grid, matches.blocks)
        patch = self.patch_size * scale
        patches = F.unfold(blocks, patch, stride=scale)
        chosen = matches.fine_index.flatten(0, 1).flatten(1)[:, None]
        patches = patches.gather(2, chosen.expand(-1, patches.shape[1], -1))
        rim = self.radius * scale
        size = [scale * (n + 2 * self.radius) for n in matches.fine_index.shape[2:]]
        total = F.fold(patches, size, patch, stride=scale)
        count = F.fold(torch.ones_like(patches), size, patch, stride=scale)
        texture = (total / count)[:, :, rim:-rim, rim:-rim]
        py, px = matches.blocks
        texture = texture.unflatten(0, (-1, py, px)).permute(0, 3, 1, 4, 2, 5)
        return texture.flatten(4, 5).flatten(2, 3) * self._enlarged_similarity(matches, scale)

    def _ref_blocks(
        self, ref: Tensor, coarse_index: Tensor, grid: tuple[int, int], blocks: tuple[int, int]
    ) -> Tensor:
        """Cut the reference blocks with their rims out of a feature of some scale."""
        scale = ref.shape[2] // grid[0]
        corners = self.ref_block_corners(coarse_index, grid, blocks)
        rows, columns = (
            corner[:, None] * scale
            + torch.arange(scale * (size + 2 * self.radius), device=ref.device)
            for corner, size in zip(corners, self.ref_block_size(grid, blocks))
        )
        sample = torch.arange(len(ref), device=ref.device)
        sample = sample.repeat_interleave(coarse_index.shape[1])[:, None, None]
        pixels = ref.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]]
        return pixels.permute(0, 3, 1, 2)
