"""An exported network in the place of the one of PyTorch, whatever runs it."""

from __future__ import annotations

import os

import numpy as np
import torch
from mmengine.model import BaseModule
from torch import Tensor

from ..errors import UserError
from ..models.inference.any_size import pad_to
from ..models.matching import Matches
from .interface import INPUTS, Interface


class ExportedGenerator(BaseModule):
    """Run a file of tools/deployment/export.py where the editor ``MASA`` has its generator.

    Images come and go in main memory.

    Args:
        path (str | os.PathLike): The file.
        text (str, optional): What the file tells of its network, see :class:`.Interface`.
        init_cfg (dict, optional): Not used. Default: None.

    Raises:
        UserError: If the file does not tell its sizes.
    """

    def __init__(
        self, path: str | os.PathLike, text: str | None, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.path = str(path)
        self.interface = Interface.from_text(text, self.path)
        self.scale = self.interface.scale
        self.size_divisor = self.interface.size_divisor
        self.min_ref_down = self.interface.min_ref_down

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Run the network as it was exported.

        Args:
            feeds (dict[str, np.ndarray]): The images by the names of :data:`.INPUTS`, of sizes
                that the network takes, float32.

        Returns:
            list[np.ndarray]: What :data:`.OUTPUTS` names.
        """
        raise NotImplementedError

    def super_resolve(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, Matches]:
        """Do what ``MASANet.super_resolve`` does.

        Images that are smaller than a fixed size of the file are padded to it by their last row
        and column; that changes the statistics of SAM, and so the result a little.

        Args:
            lq (Tensor): Shape (1, 3, h, w), RGB in [0, 1].
            ref (Tensor): Shape (1, 3, scale·H, scale·W), RGB in [0, 1].
            ref_down (Tensor): Shape (1, 3, H, W), RGB in [0, 1].

        Returns:
            tuple[Tensor, Matches]: The SR image, shape (1, 3, scale·h, scale·w), and the matches.

        Raises:
            UserError: If an image is larger than a fixed size of the file.
        """
        size, grid = lq.shape[2:], ref_down.shape[2:]
        lq_size = self._fixed('lq', size, self.interface.lq_size)
        ref_size = self._fixed('ref', ref.shape[2:], self.interface.ref_size)
        ref_grid = [length // self.scale for length in ref_size]
        images = (pad_to(lq, *lq_size), pad_to(ref, *ref_size), pad_to(ref_down, *ref_grid))
        feeds = {name: image.contiguous().float().numpy() for name, image in zip(INPUTS, images)}
        results = map(torch.from_numpy, self.run(feeds))
        sr, coarse_index, fine_index, position, similarity = results
        blocks = tuple(length // block for length, block in zip(lq_size, fine_index.shape[2:]))
        matches = Matches(
            _inside(coarse_index, ref_grid, grid),
            fine_index,
            _inside(position, ref_grid, grid),
            similarity,
            blocks,
            tuple(grid),
        )
        rows, columns = (
            slice(0, length // block) for length, block in zip(size, fine_index.shape[2:])
        )
        height, width = (length * self.scale for length in size)
        return sr[..., :height, :width], matches.crop(rows, columns)

    def _fixed(
        self, name: str, size: tuple[int, int], fixed: tuple[int, int] | None
    ) -> tuple[int, int]:
        if fixed is None:
            return size
        if size[0] > fixed[0] or size[1] > fixed[1]:
            raise UserError(
                f'{self.path} takes a {name} of at most {fixed[1]}×{fixed[0]}, this one is '
                f'{size[1]}×{size[0]}; export the network without --{name} for any size'
            )
        return fixed


def _inside(index: Tensor, padded: list[int], grid: tuple[int, int]) -> Tensor:
    """Return flat indices into a padded grid as indices of the same pixels without padding."""
    rows = (index // padded[1]).clamp(max=grid[0] - 1)
    return rows * grid[1] + (index % padded[1]).clamp(max=grid[1] - 1)
