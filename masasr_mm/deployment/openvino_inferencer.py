"""Super-resolving one's own photos with OpenVINO."""

from __future__ import annotations

import os

from .exported_inferencer import ExportedInferencer
from .openvino_generator import OpenVINOGenerator


class OpenVINOInferencer(ExportedInferencer):
    """Do what :class:`~masasr_mm.apis.MASAInferencer` does with OpenVINO.

    Args:
        path (str | os.PathLike): A file, ``*.xml``, that tools/deployment/export.py wrote.
        align (str): As in :class:`~masasr_mm.apis.MASAInferencer`; a file with fixed sizes takes
            references as they are. Default: 'auto'.
        device (str): 'cpu', or another that OpenVINO has, such as 'gpu'. Default: 'cpu'.
        dtype (str): Of all but the matching, see :class:`.OpenVINOGenerator`. Default: 'float32'.

    Raises:
        UserError: If openvino is missing, has no such device or the device no such type, or the
            file is no such file.

    Examples:
        >>> infer = OpenVINOInferencer('masa_rec.xml', dtype='bfloat16')
        >>> sr = infer('blurry.jpg', ['sharp.jpg'])  # (4·H, 4·W, 3) uint8, RGB
    """

    network = OpenVINOGenerator

    def __init__(
        self,
        path: str | os.PathLike,
        align: str = 'auto',
        device: str = 'cpu',
        dtype: str = 'float32',
    ) -> None:
        super().__init__(path, align, device=device, dtype=dtype)
