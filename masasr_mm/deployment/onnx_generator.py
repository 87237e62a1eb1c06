"""An ONNX file in the place of the network of PyTorch."""

from __future__ import annotations

import os

import numpy as np
from mmagic.registry import MODELS

from .exported_generator import ExportedGenerator
from .interface import KEY
from .sessions import open_session


@MODELS.register_module()
class ONNXGenerator(ExportedGenerator):
    """Run an ONNX file of tools/deployment/export.py where the editor ``MASA`` has its generator.

    The sizes of the network are read from the file.

    Args:
        path (str | os.PathLike): The file.
        device (str, optional): Where it is run, see :func:`~.sessions.open_session`. Default:
            'cpu'.
        init_cfg (dict, optional): Not used. Default: None.

    Raises:
        UserError: If onnxruntime is missing or cannot use the device, or the file is no such file.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        device: str | None = 'cpu',
        init_cfg: dict | None = None,
    ) -> None:
        session = open_session(str(path), device)
        super().__init__(path, session.get_modelmeta().custom_metadata_map.get(KEY), init_cfg)
        self.session = session

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:  # noqa: D102
        return self.session.run(None, feeds)
