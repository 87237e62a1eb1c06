"""Super-resolving one's own photos with onnxruntime."""

from __future__ import annotations

import os

from .exported_inferencer import ExportedInferencer
from .onnx_generator import ONNXGenerator


class ONNXInferencer(ExportedInferencer):
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

    network = ONNXGenerator

    def __init__(
        self, path: str | os.PathLike, align: str = 'auto', device: str | None = None
    ) -> None:
        super().__init__(path, align, device=device)
