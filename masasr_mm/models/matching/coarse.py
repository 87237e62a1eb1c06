"""Stage 1: the most relevant Ref↓ block of every LR block (Fig. 3, Eq. 1)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .block_grid import BlockGrid
from .groups import groups
from .patches import EPS, dilated_norm

# The stage is a convolution with a kernel for each block; with more, its output leaves the cache.
BLOCKS_AT_ONCE = 256


def match_blocks(
    lr: Tensor,
    ref_down: Tensor,
    grid: BlockGrid,
    dilations: tuple[int, ...],
    max_elements: int | None,
) -> Tensor:
    """Find the centre of the most relevant Ref↓ block of every LR block (Eq. 1).

    The centre patch of a block is compared with every patch of Ref↓ at each dilation, and the
    cosine similarities are summed.

    Args:
        lr (Tensor): F_LR, shape (N, C, h, w).
        ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
        grid (BlockGrid): The blocks.
        dilations (tuple[int, ...]): Dilations of the centre patches.
        max_elements (int, optional): Similarities that may be held at once; None for all.

    Returns:
        Tensor: Flat indices into the Ref↓ grid, shape (N, K).
    """
    n, (grid_height, grid_width), count = len(lr), grid.ref, grid.number_of_blocks
    centres = [centre_patches(lr, grid, dilation) for dilation in dilations]
    norms = [dilated_norm(ref_down, grid.patch_size, dilation) for dilation in dilations]
    reach = max(dilations) * grid.radius
    ref_down = F.pad(ref_down, [0, 0, reach, reach]).flatten(0, 1)[None]
    strips = groups(grid_height, n * grid_width * min(count, BLOCKS_AT_ONCE), max_elements)
    found = []
    for group in groups(count, n * grid_width, max_elements, BLOCKS_AT_ONCE):
        kernels = [patches[:, group].flatten(0, 1) for patches in centres]
        in_strips = (cosines(ref_down, kernels, norms, dilations, rows) for rows in strips)
        best, index = zip(*(total.flatten(2).max(dim=2) for total in in_strips))
        strip = torch.stack(best, dim=2).argmax(dim=2, keepdim=True)
        index = [inside + rows.start * grid_width for inside, rows in zip(index, strips)]
        found.append(torch.stack(index, dim=2).gather(2, strip).squeeze(2))
    return torch.cat(found, dim=1)


def centre_patches(lr: Tensor, grid: BlockGrid, dilation: int) -> Tensor:
    """Return the centre patches of all LR blocks, each of norm 1.

    Args:
        lr (Tensor): F_LR, shape (N, C, h, w).
        grid (BlockGrid): The blocks.
        dilation (int): From pixel to pixel of a patch.

    Returns:
        Tensor: Shape (N, K, C, patch, patch).
    """
    reach = dilation * torch.arange(-grid.radius, grid.radius + 1, device=lr.device)
    rows, columns = (
        (torch.arange(count, device=lr.device)[:, None] * block)
        .add(block // 2 + reach)
        .clamp(0, size - 1)
        for size, count, block in zip(grid.lr, grid.blocks, grid.block)
    )
    patches = lr[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    patches = patches.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
    return F.normalize(patches.flatten(2), dim=2, eps=EPS).view_as(patches)


def cosines(
    ref_down: Tensor,
    kernels: list[Tensor],
    norms: list[Tensor],
    dilations: tuple[int, ...],
    rows: slice,
) -> Tensor:
    """Compare patches with all that lie in some rows of Ref↓, and sum over the dilations (Eq. 1).

    Args:
        ref_down (Tensor): F_Ref↓, shape (1, N·C, H + 2·reach, W), with rows of zeros on both sides
            as far as the centre patches reach.
        kernels (list[Tensor]): What is compared for each dilation: the centre patches of some
            blocks, shape (N·B, C, patch, patch).
        norms (list[Tensor]): Of the patches of Ref↓, for each dilation, shape (N, 1, H, W).
        dilations (tuple[int, ...]): The dilations.
        rows (slice): Rows of Ref↓.

    Returns:
        Tensor: The sums of cosines, shape (N, B, rows, W).
    """
    n, _, grid_height, _ = norms[0].shape
    reach, total = (ref_down.shape[2] - grid_height) // 2, None
    for dilation, patches, norm in zip(dilations, kernels, norms):
        extent = dilation * (patches.shape[-1] // 2)
        strip = ref_down[:, :, rows.start + reach - extent : rows.stop + reach + extent]
        products = F.conv2d(strip, patches, padding=(0, extent), dilation=dilation, groups=n)
        cosine = products.view(n, -1, *products.shape[2:]).div_(norm[:, :, rows])
        total = cosine if total is None else total.add_(cosine)
    return total
