"""Super-resolving one's own photos with an exported network, whatever runs it."""

from __future__ import annotations

import os
from typing import Any

import torch

from ..errors import UserError
from ..photos.inferencer import MASAInferencer
from .exported_generator import ExportedGenerator


class ExportedInferencer(MASAInferencer):
    """Do what :class:`~masasr_mm.apis.MASAInferencer` does with an exported network.

    Args:
        path (str | os.PathLike): A file that tools/deployment/export.py wrote.
        align (str): As in :class:`~masasr_mm.apis.MASAInferencer`; a file with fixed sizes takes
            references as they are. Default: 'auto'.
        **options: For ``network``.

    Attributes:
        network (type[ExportedGenerator]): What runs the file.

    Raises:
        UserError: If it cannot be run.
    """

    network: type[ExportedGenerator]

    def __init__(self, path: str | os.PathLike, align: str = 'auto', **options: Any) -> None:
        self._options = options
        super().__init__(path, device='cpu', test_cfg={}, align=align)
        if self.generator.interface.ref_size is not None:
            self.align = 'off'  # what is stacked may be larger than the references

    def save_pretrained(
        self, folder: str | os.PathLike, dtype: torch.dtype = torch.float32
    ) -> None:
        """Refuse to write an exported network in Hugging Face's layout.

        Args:
            folder (str | os.PathLike): Not used.
            dtype (torch.dtype): Not used.

        Raises:
            UserError: Always.
        """
        raise UserError(
            f'{self.generator.path}: an exported network holds no weights in this layout; save the '
            'checkpoint that it was exported from'
        )

    def _load(self, checkpoint: str, config: str | None) -> ExportedGenerator:
        return self.network(checkpoint, **self._options)  # the weights are part of the file
