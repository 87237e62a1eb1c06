"""Writing a network as a file of OpenVINO, and reading it."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from torch.onnx import ONNXProgram

from ..errors import UserError
from ..files import written_whole
from .interface import KEY, Interface

if TYPE_CHECKING:
    from openvino import Model


def save_openvino(translated: ONNXProgram, interface: Interface, path: str | os.PathLike) -> None:
    """Write a network as OpenVINO's two files, each whole or not at all.

    Args:
        translated (ONNXProgram): From :func:`~masasr_mm.deployment.onnx_file.to_onnx`.
        interface (Interface): Goes into the file's runtime information under ``masasr_mm``, JSON.
        path (str | os.PathLike): The file, ``*.xml``; the weights go into ``*.bin`` beside it.

    Raises:
        UserError: If openvino is missing, or a file cannot be written.
    """
    openvino = import_openvino()
    model = openvino.Core().read_model(translated.model_proto.SerializeToString())
    model.set_rt_info(interface.to_text(), KEY)
    with written_whole(path) as graph, written_whole(weights_file(path)) as weights:
        openvino.serialize(model, graph, weights)


def read_openvino(path: str | os.PathLike) -> tuple[Model, str | None]:
    """Read what :func:`save_openvino` wrote.

    Args:
        path (str | os.PathLike): The file, ``*.xml``.

    Returns:
        tuple[openvino.Model, str | None]: The network, and what the file tells of it, see
        :class:`.Interface`.

    Raises:
        UserError: If openvino is missing, or the file or its weights are not there or no such
            files.
    """
    weights = weights_file(path)
    if not Path(path).is_file():
        raise UserError(f'OpenVINO file not found: {path}')
    if not weights.is_file():
        raise UserError(f'{path}: its weights, {weights.name}, are not beside it')
    openvino = import_openvino()
    try:
        model = openvino.Core().read_model(path, weights)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UserError(f'{path}: not an OpenVINO file that can be run ({reason})') from error
    return model, model.get_rt_info(KEY).astype(str) if model.has_rt_info(KEY) else None


def weights_file(path: str | os.PathLike) -> Path:
    """Return where the weights of a file of OpenVINO are.

    Args:
        path (str | os.PathLike): The file, ``*.xml``.

    Returns:
        Path: ``*.bin`` beside it.
    """
    return Path(path).with_suffix('.bin')


def import_openvino() -> ModuleType:
    """Import OpenVINO.

    Returns:
        ModuleType: The package ``openvino``.

    Raises:
        UserError: If it is not there.
    """
    try:
        import openvino
    except ImportError as error:
        raise UserError(
            'files of OpenVINO need openvino: pip install -r requirements/openvino.txt'
        ) from error
    return openvino
