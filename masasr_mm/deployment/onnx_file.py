"""Translating an exported program to ONNX."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import torch
from torch.export import ExportedProgram
from torch.onnx import ONNXProgram

from ..errors import UserError
from ..files import written_whole
from .interface import INPUTS, KEY, OUTPUTS, Interface

OPSET = 18


def to_onnx(program: ExportedProgram, patch_area: int) -> ONNXProgram:
    """Translate a program to ONNX.

    Args:
        program (ExportedProgram): From :func:`~masasr_mm.deployment.program.export_program`.
        patch_area (int): Positions in a patch of the matching, 9 for 3×3.

    Returns:
        ONNXProgram: With the names of :mod:`.interface`.

    Raises:
        UserError: If onnx or onnxscript is missing.
    """
    table = _translations(patch_area)
    # Its notes about what could not be folded say nothing to a user.
    logging.getLogger('onnxscript').setLevel(logging.ERROR)
    return torch.onnx.export(
        program,
        input_names=INPUTS,
        output_names=OUTPUTS,
        opset_version=OPSET,
        custom_translation_table=table,
        verbose=False,
    )


def save_onnx(translated: ONNXProgram, interface: Interface, path: str | os.PathLike) -> None:
    """Write a network as one ONNX file, whole or not at all.

    Args:
        translated (ONNXProgram): From :func:`to_onnx`.
        interface (Interface): Goes into the file's metadata under ``masasr_mm``, JSON.
        path (str | os.PathLike): The file, ``*.onnx``.

    Raises:
        UserError: If the file cannot be written.
    """
    translated.model.metadata_props[KEY] = interface.to_text()
    with written_whole(path) as temporary:
        translated.save(temporary)


def _translations(patch_area: int) -> dict[Callable, Callable]:
    """Return ONNX for two of the network's operators.

    onnxscript (0.7) cannot take a remainder by a size that is not known, and translates
    ``embedding_bag`` to a loop over bags, each of which a position of the image is here.
    """
    try:
        import onnx  # noqa: F401  (torch needs it to write the file)
        from onnxscript import opset18 as op
    except ImportError as error:
        raise UserError(
            f'exporting to ONNX needs {error.name}: pip install -r requirements/export.txt'
        ) from error

    def remainder(value, divisor):
        return op.Mod(value, divisor)

    def weighted_sum(
        weight, indices, offsets, scale_grad, mode, sparse, per_sample_weights, *others
    ):
        indices = op.Reshape(indices, op.Constant(value_ints=[-1, patch_area]))
        shares = op.Reshape(per_sample_weights, op.Constant(value_ints=[-1, patch_area, 1]))
        total = None
        for index in range(patch_area):
            column = op.Constant(value_int=index)
            cells = op.Gather(weight, op.Gather(indices, column, axis=1), axis=0)
            part = op.Mul(cells, op.Gather(shares, column, axis=1))
            total = part if total is None else op.Add(total, part)
        return total, offsets, offsets, offsets

    return {
        torch.ops.aten.remainder.Scalar: remainder,
        torch.ops.aten.embedding_bag.padding_idx: weighted_sum,
    }
