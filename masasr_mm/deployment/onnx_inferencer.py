"""Super-resolving one's own photos with an exported network."""

from __future__ import annotations

import os

import torch

from ..apis.inferencer import MASAInferencer
from ..errors import UserError
from .onnx_generator import ONNXGenerator


class ONNXInferencer(MASAInferencer):
    """Do what :class:`~masasr_mm.apis.MASAInferencer` does with onnxruntime.

    Args:
        path (str | os.PathLike): An ONNX file that tools/deployment/export.py wrote.
        align (str): As in :class:`~masasr_mm.apis.MASAInferencer`; a file with fixed sizes takes
            references as they are. Default: 'auto'.
        device (str, optional): 'cpu', 'cuda' or 'dml', see
            :func:`~masasr_mm.deployment.sessions.open_session`. Default: None, the best there is.

    Raises:
        UserError: If onnxruntime is missing or cannot use the device, or the file is no such file.

    Examples:
        >>> infer = ONNXInferencer('masa_rec.onnx')
        >>> sr = infer('blurry.jpg', ['sharp.jpg'])  # (4·H, 4·W, 3) uint8, RGB
    """

    def __init__(
        self, path: str | os.PathLike, align: str = 'auto', device: str | None = None
    ) -> None:
        self.provider_device = device
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

    def _load(self, checkpoint: str, config: str | None) -> ONNXGenerator:
        return ONNXGenerator(checkpoint, self.provider_device)  # the weights are part of the file
