"""A file of OpenVINO in the place of the network of PyTorch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmagic.registry import MODELS

from ..compat import keep_signal_stack
from .exported_generator import ExportedGenerator
from .openvino_devices import HINTS, choose_dtype, find_device
from .openvino_file import import_openvino, read_openvino
from .openvino_halves import MATCHES, TAKEN, exact_half, fusion_half

if TYPE_CHECKING:
    from openvino import CompiledModel, Model

KEPT = 2  # sizes that the matching is kept ready for; the self-ensemble has two


@MODELS.register_module()
class OpenVINOGenerator(ExportedGenerator):
    """Run OpenVINO files of tools/deployment/export.py where the editor ``MASA`` has its generator.

    The matching is done in float32. It is compiled for every size, since OpenVINO (2026.4) has no
    convolution whose kernels and sizes are both free; the rest is compiled once.

    Args:
        path (str | os.PathLike): The file, ``*.xml``.
        device (str): 'cpu', or another that OpenVINO has, such as 'gpu'. Default: 'cpu'.
        dtype (str): Of all but the matching: 'float32', 'bfloat16' or 'float16', or 'auto', which
            is bfloat16 on a device that has units for it, else float32. Default: 'float32'.
        init_cfg (dict, optional): Not used. Default: None.

    Raises:
        UserError: If openvino is missing, has no such device or the device no such type, or the
            file is no such file.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        device: str = 'cpu',
        dtype: str = 'float32',
        init_cfg: dict | None = None,
    ) -> None:
        model, text = read_openvino(path)
        super().__init__(path, text, init_cfg)
        self.device_name = find_device(device)
        self.dtype = choose_dtype(dtype, self.device_name)
        self._exact, self._compiled = exact_half(model), {}
        self._fusion = self._compile(fusion_half(model), self.dtype)

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:  # noqa: D102
        images = {name: feeds[name] for name in ('lq', 'ref_down')}
        found = _run(self._exact_for(images), images)
        taken = {name: found[name] for name in TAKEN}
        sr = _run(self._fusion, {**feeds, **taken})['sr']
        return [sr, *(found[name] for name in MATCHES)]

    def _exact_for(self, images: dict[str, np.ndarray]) -> CompiledModel:
        """Return the exact half compiled for images of these sizes."""
        sizes = tuple(image.shape for image in images.values())
        if sizes not in self._compiled:
            if len(self._compiled) == KEPT:
                del self._compiled[next(iter(self._compiled))]
            half = self._exact.clone()
            half.reshape({name: list(image.shape) for name, image in images.items()})
            self._compiled[sizes] = self._compile(half, 'float32')
        return self._compiled[sizes]

    def _compile(self, model: Model, dtype: str) -> CompiledModel:
        options = dict(INFERENCE_PRECISION_HINT=HINTS[dtype])
        if self.device_name == 'CPU':
            options['INFERENCE_NUM_THREADS'] = torch.get_num_threads()
        with keep_signal_stack():
            return import_openvino().compile_model(model, self.device_name, options)


def _run(model: CompiledModel, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run a model; the results are copies, which no later run changes."""
    found = model.create_infer_request().infer(feeds)
    return {output.get_any_name(): array for output, array in found.items()}
