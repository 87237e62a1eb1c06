"""The Match & Extraction Module (Sec. 3.1, Fig. 3, Eq. 1–5)."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from mmagic.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor
from torch.nn import functional as F

from .layout import from_blocks, from_cells, to_blocks, to_cells
from .matches import Matches
from .precision import exact_products

EPS = 1e-12
# Stage 1 is a convolution with a kernel for each block; with more, its output leaves the cache.
BLOCKS_AT_ONCE = 256


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
        ref_block_ratio (float): Size of a Ref↓ block over that of an LR block, once LR and Ref↓
            have the same size. Default: 1.5, the paper's 12 for 8.
        patch_size (int): Height and width of a patch, odd. Default: 3.
        dilations (tuple[int, ...]): Dilations of the centre patches in Stage 1.
            Default: (1, 2, 3).
        max_elements (int, optional): Similarities that may be held at once; what does not fit is
            matched in groups of blocks and strips of Ref↓, one after another. None matches all at
            once, without a loop whose length depends on the sizes. Default: 2**23.
        init_cfg (dict, optional): mmengine's initialisation config. Default: None.
    """

    def __init__(
        self,
        block_size: int = 8,
        ref_block_ratio: float = 1.5,
        patch_size: int = 3,
        dilations: tuple[int, ...] = (1, 2, 3),
        max_elements: int | None = 2**23,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if patch_size % 2 == 0:
            raise ValueError(f'patch_size must be odd, so that a patch has a centre: {patch_size}')
        self.block_size = block_size
        self.ref_block_ratio = ref_block_ratio
        self.patch_size = patch_size
        self.radius = patch_size // 2
        self.dilations = tuple(dilations)
        self.max_elements = max_elements

    def forward(self, lr: Tensor, ref_down: Tensor) -> Matches:
        """Match every position of the LR feature with one of the Ref↓ feature (Stages 1 and 2).

        Gradients reach both features through the similarities; the indices have none, nor has a
        patch that is zero throughout, as in black bars.

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).

        Returns:
            Matches: Indices, positions and similarities.

        Raises:
            ValueError: If blocks do not divide the LR, or Ref↓ is smaller than a patch.
        """
        blocks = self._count_blocks(lr, ref_down)
        grid = (ref_down.shape[2], ref_down.shape[3])
        exact = nullcontext() if torch.compiler.is_compiling() else exact_products()
        with torch.autocast(lr.device.type, enabled=False), exact:
            lr, ref_down = lr.float(), ref_down.float()
            with torch.no_grad():
                coarse_index = self.coarse_match(lr, ref_down, blocks)
                fine_index, position = self.fine_match(lr, ref_down, coarse_index, blocks)
            similarity = self.similarity(lr, ref_down, position)
        return Matches(coarse_index, fine_index, position, similarity, blocks, grid)

    def coarse_match(self, lr: Tensor, ref_down: Tensor, blocks: tuple[int, int]) -> Tensor:
        """Find the centre of the most relevant Ref↓ block of every LR block (Stage 1, Eq. 1).

        The centre patch of a block is compared with every patch of Ref↓ at each dilation, and
        the cosine similarities are summed.

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
            blocks (tuple[int, int]): Blocks in a column and in a row, (py, px).

        Returns:
            Tensor: Flat indices into the Ref↓ grid, shape (N, K).
        """
        n, _, grid_height, grid_width = ref_down.shape
        count = blocks[0] * blocks[1]
        centres = [self._centre_patches(lr, blocks, dilation) for dilation in self.dilations]
        norms = [self._dilated_norm(ref_down, dilation) for dilation in self.dilations]
        reach = max(self.dilations) * self.radius
        ref_down = F.pad(ref_down, [0, 0, reach, reach]).flatten(0, 1)[None]
        strips = self._groups(grid_height, n * grid_width * min(count, BLOCKS_AT_ONCE))
        found = []
        for group in self._groups(count, n * grid_width, BLOCKS_AT_ONCE):
            kernels = [patches[:, group].flatten(0, 1) for patches in centres]
            best, index = zip(*(self._best_in(ref_down, kernels, norms, rows) for rows in strips))
            strip = torch.stack(best, dim=2).argmax(dim=2, keepdim=True)
            found.append(torch.stack(index, dim=2).gather(2, strip).squeeze(2))
        return torch.cat(found, dim=1)

    def fine_match(
        self, lr: Tensor, ref_down: Tensor, coarse_index: Tensor, blocks: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Match all patches inside every pair of LR and Ref↓ block (Stage 2, Eq. 2–3).

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
            coarse_index (Tensor): Centres of the Ref↓ blocks, shape (N, K).
            blocks (tuple[int, int]): Blocks in a column and in a row, (py, px).

        Returns:
            tuple[Tensor, Tensor]: D, shape (N, K, ky, kx), flat indices into the candidates of
            each block, and the same as flat indices into the Ref↓ grid, shape (N, h, w).
        """
        n, channels, grid_height, grid_width = ref_down.shape
        grid, rim = (grid_height, grid_width), 2 * self.radius
        height, width = self.ref_block_size(grid, blocks)
        top, left = self.ref_block_corners(coarse_index, grid, blocks)

        lr_pixels = self._rimmed_blocks(lr, blocks)
        ref_pixels = ref_down.permute(0, 2, 3, 1).reshape(-1, channels)
        sample = torch.arange(n, device=lr.device).repeat_interleave(coarse_index.shape[1])
        rows = top[:, None] + torch.arange(height + rim, device=lr.device)
        columns = left[:, None] + torch.arange(width + rim, device=lr.device)
        rows = (rows + (sample * grid_height)[:, None]) * grid_width
        pairs = lr_pixels[0, ..., 0].numel() * rows.shape[1] * columns.shape[1]
        found = []
        for group in self._groups(top.shape[0], pairs):
            window = ref_pixels[rows[group][:, :, None] + columns[group][:, None, :]]
            found.append(self._best_candidates(lr_pixels[group], window))
        index = torch.cat(found)
        index = index.view(n, -1, *index.shape[1:])
        return index, self.positions(index, coarse_index, grid, blocks)

    def positions(
        self,
        index: Tensor,
        coarse_index: Tensor,
        grid: tuple[int, int],
        blocks: tuple[int, int],
    ) -> Tensor:
        """Return where on the Ref↓ grid the chosen candidates lie.

        Args:
            index (Tensor): D, shape (N, K, ky, kx), flat indices into the candidates of a block.
            coarse_index (Tensor): Centres of the Ref↓ blocks, shape (N, K).
            grid (tuple[int, int]): Size of the Ref↓ grid, (H, W).
            blocks (tuple[int, int]): Blocks in a column and in a row, (py, px).

        Returns:
            Tensor: Flat indices into the grid, shape (N, h, w).
        """
        top, left = (
            corner.view_as(coarse_index)[..., None, None]
            for corner in self.ref_block_corners(coarse_index, grid, blocks)
        )
        _, width = self.ref_block_size(grid, blocks)
        y, x = top + index // width + self.radius, left + index % width + self.radius
        return from_blocks(y * grid[1] + x, blocks)

    def similarity(self, lr: Tensor, ref_down: Tensor, position: Tensor) -> Tensor:
        """Return the cosine similarity of every LR patch with the patch it was matched to (Eq. 4).

        Args:
            lr (Tensor): F_LR, shape (N, C, h, w).
            ref_down (Tensor): F_Ref↓, shape (N, C, H, W).
            position (Tensor): Centres of the matched patches, flat, shape (N, h, w).

        Returns:
            Tensor: R, shape (N, h, w).
        """
        n, channels, grid_height, grid_width = ref_down.shape
        h, w = lr.shape[2:]
        ref_pixels = ref_down.permute(0, 2, 3, 1).reshape(-1, channels)
        sample = torch.arange(n, device=lr.device)[:, None, None] * (grid_height * grid_width)
        centre = position + sample
        lr_pixels = self._pad(lr).permute(0, 2, 3, 1)
        product = 0
        for dy in range(self.patch_size):
            for dx in range(self.patch_size):
                offset = (dy - self.radius) * grid_width + dx - self.radius
                ref_pixel = F.embedding(centre + offset, ref_pixels)
                product = product + (lr_pixels[:, dy : dy + h, dx : dx + w] * ref_pixel).sum(-1)
        lr_inverse = self._inverse_norm(self._pad(lr))
        ref_inverse = F.pad(self._inverse_norm(ref_down), [self.radius] * 4)
        return product * (lr_inverse * ref_inverse.flatten()[centre])

    def extract(self, ref: Tensor, matches: Matches) -> Tensor:
        """Build the texture of one scale from the matched reference patches (Stage 3, Eq. 5).

        Every LR position receives the patch around its match; patches of one block that overlap
        are averaged, and the block is weighted by its similarities, enlarged bilinearly.

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
        """Do what :meth:`extract` does from a reference feature that lies ready in cells.

        An output cell is the mean of up to nine cells of F_Ref^s, weighted.

        Args:
            cells (Tensor): F_Ref^s as :func:`to_cells` returns it, shape (N, H, W, s, s, C).
            matches (Matches): What the matching found, for the LR or for some of its blocks.

        Returns:
            Tensor: M^s, shape (N, C, s·h, s·w).
        """
        sources, weights = self.sources(matches)
        texture = F.embedding_bag(
            sources,
            cells.flatten(0, 2).flatten(1),
            mode='sum',
            per_sample_weights=weights.to(cells.dtype),
        )
        return self.weigh(texture.view(*matches.position.shape, *cells.shape[3:]), matches)

    def weigh(self, texture: Tensor, matches: Matches) -> Tensor:
        """Put the cells of the texture together and weight them by similarity (Eq. 5).

        Args:
            texture (Tensor): The mean cells of the LR positions, shape (N, h, w, s, s, C).
            matches (Matches): What the matching found, for the LR or for some of its blocks.

        Returns:
            Tensor: M^s, shape (N, C, s·h, s·w).
        """
        similarity = self._enlarged_similarity(matches, texture.shape[3])
        return from_cells(texture) * similarity.to(texture.dtype)

    def sources(self, matches: Matches) -> tuple[Tensor, Tensor]:
        """Return which cells of the reference make up each LR position, and their weights.

        The neighbour at offset (a, b) in the same block puts the cell at its match minus (a, b)
        here; neighbours outside the block have weight 0.

        Args:
            matches (Matches): What the matching found, for the LR or for some of its blocks.

        Returns:
            tuple[Tensor, Tensor]: Flat indices into the Ref↓ grids of all samples, and weights
            that sum to 1, both of shape (N·h·w, patch²).
        """
        n, h, w = matches.position.shape
        grid_height, grid_width = matches.grid
        sample = torch.arange(n, device=matches.position.device) * (grid_height * grid_width)
        cut = to_blocks(matches.position + sample[:, None, None], matches.blocks)
        ky, kx = cut.shape[2:]
        padded = F.pad(cut, [self.radius] * 4)
        inside = F.pad(torch.ones_like(cut[:1, :1]), [self.radius] * 4)
        sources, weights = [], []
        for dy in range(self.patch_size):
            for dx in range(self.patch_size):
                offset = (dy - self.radius) * grid_width + dx - self.radius
                here = (slice(None), slice(None), slice(dy, dy + ky), slice(dx, dx + kx))
                sources.append((padded[here] - offset) * inside[here])
                weights.append(inside[here].expand_as(cut))
        sources, weights = (
            torch.stack([from_blocks(part, matches.blocks) for part in parts], dim=-1)
            for parts in (sources, weights)
        )
        weights = weights / weights.sum(dim=-1, keepdim=True)
        return sources.view(n * h * w, -1), weights.view(n * h * w, -1)

    def ref_block_corners(
        self, coarse_index: Tensor, grid: tuple[int, int], blocks: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Return where the Ref↓ blocks with their rims lie: shifted, not cut, into the grid.

        Args:
            coarse_index (Tensor): Centres of the Ref↓ blocks, shape (N, K).
            grid (tuple[int, int]): Size of the Ref↓ grid, (H, W).
            blocks (tuple[int, int]): Blocks in a column and in a row, (py, px).

        Returns:
            tuple[Tensor, Tensor]: First row and first column of every block, shape (N·K,).
        """
        height, width = (size + 2 * self.radius for size in self.ref_block_size(grid, blocks))
        top = (coarse_index // grid[1] - height // 2).clamp(0, grid[0] - height)
        left = (coarse_index % grid[1] - width // 2).clamp(0, grid[1] - width)
        return top.flatten(), left.flatten()

    def ref_block_size(self, grid: tuple[int, int], blocks: tuple[int, int]) -> tuple[int, int]:
        """Return how many candidates a Ref↓ block has in height and width.

        A block of Ref↓ that has the LR's size holds ``ref_block_ratio`` times as many positions
        as an LR block, made odd; it never reaches over the grid.

        Args:
            grid (tuple[int, int]): Size of the Ref↓ grid, (H, W).
            blocks (tuple[int, int]): Blocks in a column and in a row, (py, px).

        Returns:
            tuple[int, int]: dy and dx.
        """
        height, width = (
            torch.sym_min(
                2 * torch.sym_int(size // (2 * count) * self.ref_block_ratio) + 1,
                size - 2 * self.radius,
            )
            for size, count in zip(grid, blocks)
        )
        return height, width

    def _count_blocks(self, lr: Tensor, ref_down: Tensor) -> tuple[int, int]:
        py, px = (max(1, size // self.block_size) for size in lr.shape[2:])
        if lr.shape[2] % py or lr.shape[3] % px:
            raise ValueError(
                f'an LR of {lr.shape[2]}×{lr.shape[3]} cannot be cut into {py}×{px} equal blocks; '
                f'pad it to multiples of {self.block_size}'
            )
        if min(ref_down.shape[2:]) < self.patch_size:
            raise ValueError(
                f'a Ref↓ of {ref_down.shape[2]}×{ref_down.shape[3]} holds no patch of '
                f'{self.patch_size}×{self.patch_size}; pad it'
            )
        return py, px

    def _groups(self, count: int, elements: int, most: int | None = None) -> list[slice]:
        """Part things into groups, at ``most`` so many, that have no more than ``max_elements``.

        Each thing has so many ``elements``; a group has one thing at least.
        """
        if self.max_elements is None:
            return [slice(0, count)]
        size = max(1, min(self.max_elements // elements, most or count))
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]

    def _best_in(
        self, ref_down: Tensor, kernels: list[Tensor], norms: list[Tensor], rows: slice
    ) -> tuple[Tensor, Tensor]:
        """Return the best similarity of Stage 1 in some rows of Ref↓, and where it is.

        Args:
            ref_down (Tensor): F_Ref↓, shape (1, N·C, H + 2·reach, W), with rows of zeros on both
                sides as far as the centre patches reach.
            kernels (list[Tensor]): The centre patches of some blocks for each dilation,
                shape (N·B, C, patch, patch).
            norms (list[Tensor]): Of the patches of Ref↓, for each dilation, shape (N, 1, H, W).
            rows (slice): Rows of Ref↓.

        Returns:
            tuple[Tensor, Tensor]: The highest sum of cosines, and its flat index into the Ref↓
            grid, the lowest of equal ones, both of shape (N, B).
        """
        n, _, _, grid_width = norms[0].shape
        reach, total = max(self.dilations) * self.radius, None
        for dilation, patches, norm in zip(self.dilations, kernels, norms):
            extent = dilation * self.radius
            strip = ref_down[:, :, rows.start + reach - extent : rows.stop + reach + extent]
            products = F.conv2d(strip, patches, padding=(0, extent), dilation=dilation, groups=n)
            cosine = products.view(n, -1, *products.shape[2:]).div_(norm[:, :, rows])
            total = cosine if total is None else total.add_(cosine)
        best, index = total.flatten(2).max(dim=2)
        return best, index + rows.start * grid_width

    def _pad(self, feature: Tensor) -> Tensor:
        return F.pad(feature, [self.radius] * 4, mode='replicate')

    def _centre_patches(self, lr: Tensor, blocks: tuple[int, int], dilation: int) -> Tensor:
        """Return the normalised dilated centre patches of all blocks, (N, K, C, patch, patch)."""
        reach = dilation * torch.arange(-self.radius, self.radius + 1, device=lr.device)
        rows, columns = (
            (torch.arange(count, device=lr.device)[:, None] * (size // count))
            .add(size // count // 2 + reach)
            .clamp(0, size - 1)
            for size, count in zip(lr.shape[2:], blocks)
        )
        patches = lr[:, :, rows[:, None, :, None], columns[None, :, None, :]]
        patches = patches.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
        return F.normalize(patches.flatten(2), dim=2, eps=EPS).view_as(patches)

    def _dilated_norm(self, feature: Tensor, dilation: int) -> Tensor:
        """Return the norms of the dilated patches around every position, (N, 1, H, W)."""
        square = feature.square().sum(dim=1, keepdim=True)
        ones = square.new_ones(1, 1, self.patch_size, self.patch_size)
        total = F.conv2d(square, ones, padding=dilation * self.radius, dilation=dilation)
        return total.sqrt().clamp(min=EPS)

    def _patch_norm(self, feature: Tensor) -> Tensor:
        """Return the norms of all patches that lie inside, (N, H - 2·radius, W - 2·radius)."""
        return self._patch_square(feature).clamp(min=EPS**2).sqrt()

    def _inverse_norm(self, feature: Tensor) -> Tensor:
        """Return 1 over these norms, and 0 for an empty patch.

        An empty patch resembles no other. As a limit of small patches its gradient would be 1/ε.
        """
        square = self._patch_square(feature)
        return torch.where(square > EPS**2, square, torch.inf).rsqrt()

    def _patch_square(self, feature: Tensor) -> Tensor:
        """Return the squared norms of all patches that lie inside."""
        return self._box_sum(feature.square().sum(dim=1), (1, 2))

    def _box_sum(self, values: Tensor, dims: tuple[int, int]) -> Tensor:
        """Sum over the patch in the two dimensions, where it lies inside."""
        for dim in dims:
            size = values.shape[dim] - 2 * self.radius
            values = sum(values.narrow(dim, shift, size) for shift in range(self.patch_size))
        return values

    def _rimmed_blocks(self, lr: Tensor, blocks: tuple[int, int]) -> Tensor:
        """Cut the LR feature into blocks with a rim, (N·K, ky + 2·radius, kx + 2·radius, C)."""
        ky, kx = (size // count for size, count in zip(lr.shape[2:], blocks))
        rim = 2 * self.radius
        cut = self._pad(lr).unfold(2, ky + rim, ky).unfold(3, kx + rim, kx)
        return cut.permute(0, 2, 3, 4, 5, 1).flatten(0, 2)

    def _best_candidates(self, lr_pixels: Tensor, ref_pixels: Tensor) -> Tensor:
        """Return D (Eq. 3) of pairs of blocks, given the pixels of both with their rims.

        The norm of an LR patch does not change which candidate is best, so it is left out.

        Args:
            lr_pixels (Tensor): Shape (B, ky + 2·radius, kx + 2·radius, C).
            ref_pixels (Tensor): Shape (B, dy + 2·radius, dx + 2·radius, C).

        Returns:
            Tensor: Shape (B, ky, kx).
        """
        products = torch.bmm(lr_pixels.flatten(1, 2), ref_pixels.flatten(1, 2).transpose(1, 2))
        products = products.unflatten(2, ref_pixels.shape[1:3]).unflatten(1, lr_pixels.shape[1:3])
        for first, second in ((1, 3), (2, 4)):
            sizes = [products.shape[dim] - 2 * self.radius for dim in (first, second)]
            products = sum(
                products.narrow(first, shift, sizes[0]).narrow(second, shift, sizes[1])
                for shift in range(self.patch_size)
            )
        norm = self._patch_norm(ref_pixels.permute(0, 3, 1, 2))
        return (products / norm[:, None, None]).flatten(3).argmax(dim=3)

    def _enlarged_similarity(self, matches: Matches, scale: int) -> Tensor:
        """Return R enlarged inside each block (Eq. 5), shape (N, 1, scale·h, scale·w)."""
        cut = to_blocks(matches.similarity, matches.blocks)
        enlarged = F.interpolate(cut, scale_factor=scale, mode='bilinear', align_corners=False)
        return from_blocks(enlarged, matches.blocks)[:, None]
