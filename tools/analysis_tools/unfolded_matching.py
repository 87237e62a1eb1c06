"""The matching in the released way, to compare time, memory and results with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from masasr_mm.models import MatchExtractionModule
from masasr_mm.models.matching import Matches
from masasr_mm.models.matching.blocks import BlockGrid
from masasr_mm.models.matching.stages import EPS, centre_patches, enlarged_similarity


class UnfoldedMatching(MatchExtractionModule):
    """MEM by unfolding all patches, gathering and folding, as the released code works.

    Stages 1 to 3 follow Eq. 1–5 literally: patches are cut out, normalised and multiplied, and the
    matched ones of 3s×3s pixels are laid down again and averaged.
    """

    @classmethod
    def like(cls, matching: MatchExtractionModule) -> UnfoldedMatching:
        """Return a module with the settings of another."""
        names = ('block_size', 'ref_block_ratio', 'patch_size', 'dilations')
        return cls(**{name: getattr(matching, name) for name in names})

    def coarse_match(self, lr: Tensor, ref_down: Tensor, grid: BlockGrid) -> Tensor:
        """Do Stage 1 with all dilated patches of Ref↓ unfolded (Eq. 1)."""
        similarity = 0
        for dilation, patches in zip(self.dilations, centre_patches(lr, grid).unbind(1)):
            candidates = F.unfold(
                ref_down, self.patch_size, dilation, padding=dilation * grid.radius
            )
            similarity = similarity + patches.flatten(2) @ F.normalize(candidates, dim=1, eps=EPS)
        return similarity.argmax(dim=2)

    def fine_match(self, lr: Tensor, ref_down: Tensor, centre: Tensor, grid: BlockGrid) -> Tensor:
        """Do Stage 2 with all patches of both blocks unfolded (Eq. 2–3)."""
        (ky, kx), margin = grid.block, grid.patch_size - 1
        padded = F.pad(lr, [grid.radius] * 4, mode='replicate')
        cut = padded.unfold(2, ky + margin, ky).unfold(3, kx + margin, kx)
        lr_blocks = cut.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
        lr_patches, ref_patches = (
            F.normalize(F.unfold(blocks, self.patch_size), dim=1, eps=EPS)
            for blocks in (lr_blocks, _ref_blocks(ref_down, centre, grid))
        )
        index = (lr_patches.transpose(1, 2) @ ref_patches).argmax(dim=2)
        return index.view(*centre.shape, *grid.block)

    def extract(self, ref: Tensor, matches: Matches) -> Tensor:
        """Do Stage 3 with all patches of 3s×3s pixels unfolded, then folded (Eq. 5)."""
        scale = ref.shape[2] // matches.grid[0]
        grid = self.block_grid(tuple(matches.position.shape[1:]), matches.grid)
        patch, margin = self.patch_size * scale, grid.radius * scale
        patches = F.unfold(
            _ref_blocks(ref, grid.centres(matches.coarse_index), grid), patch, stride=scale
        )
        chosen = matches.fine_index.flatten(0, 1).flatten(1)[:, None]
        patches = patches.gather(2, chosen.expand(-1, patches.shape[1], -1))
        size = [scale * (n + self.patch_size - 1) for n in grid.block]
        total = F.fold(patches, size, patch, stride=scale)
        count = F.fold(torch.ones_like(patches), size, patch, stride=scale)
        texture = (total / count)[:, :, margin:-margin, margin:-margin]
        texture = texture.unflatten(0, (-1, *grid.blocks)).permute(0, 3, 1, 4, 2, 5)
        return texture.flatten(4, 5).flatten(2, 3) * enlarged_similarity(matches, scale)


def _ref_blocks(ref: Tensor, centre: Tensor, grid: BlockGrid) -> Tensor:
    """Cut the reference blocks with their margins out of a feature of some scale."""
    scale = ref.shape[2] // grid.ref[0]
    rows, columns = (
        (place.flatten()[:, None] - size // 2) * scale
        + torch.arange(scale * size, device=ref.device)
        for place, size in zip(
            (centre // grid.ref[1], centre % grid.ref[1]), grid.with_margin(grid.ref_block)
        )
    )
    sample = torch.arange(len(ref), device=ref.device)
    sample = sample.repeat_interleave(centre.shape[1])[:, None, None]
    pixels = ref.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]]
    return pixels.permute(0, 3, 1, 2)
