"""From a config and a checkpoint to a file in another format."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.onnx import ONNXProgram

from ..checkpoints.formats import PREFIX
from ..checkpoints.hub import files_of
from ..checkpoints.loading import build_generator
from ..config import config_files
from ..errors import UserError
from ..files import check_outputs, written_whole
from ..models.masa_net import MASANet
from ..tensor_files import SAFETENSORS, write_tensors
from .runtimes import INPUTS, KEY, OUTPUTS, Interface, import_openvino

OPSET = 18
# torch.export treats 0 and 1 as sizes of their own, so that a free number of blocks starts at 2.
MIN_BLOCKS, MAX_BLOCKS = 2, 1024
# Enough for a patch, and for a choice between two.
MIN_REF_DOWN, MAX_REF_DOWN = 4, 16384


def export(
    config: Config,
    checkpoint: str | os.PathLike,
    kind: str,
    out: str | os.PathLike,
    lq_size: Sequence[int] | None = None,
    ref_size: Sequence[int] | None = None,
) -> Interface | None:
    """Write a network in another format.

    Args:
        config (Config): With the ``model`` that the checkpoint is of.
        checkpoint (str | os.PathLike): A name of shipped weights, or a checkpoint, ours or one of
            the authors'.
        kind (str): ``'torch'``, ``'onnx'``, ``'openvino'`` or ``'safetensors'``.
        out (str | os.PathLike): The file to write.
        lq_size (Sequence[int], optional): Height and width of LR images, fixed; rounded up to
            what the network takes. Default: None, any.
        ref_size (Sequence[int], optional): Height and width of references. Default: None, any.

    Returns:
        Interface | None: The sizes of the exported network; None for weights alone.

    Raises:
        UserError: If a file cannot be read or written, a package is missing, a size is impossible.
    """
    sizes = [tuple(size) if size else None for size in (lq_size, ref_size)]
    if any(size and min(size) < 1 for size in sizes):
        raise UserError('--lq and --ref: height and width must be at least 1')
    if kind == 'safetensors' and any(sizes):
        raise UserError('--lq and --ref do not go with --format safetensors; weights have no size')
    if kind == 'openvino' and Path(out).suffix != '.xml':
        raise UserError(f'{out}: a file of OpenVINO is named *.xml, its weights go into *.bin')
    outputs = [out, Path(out).with_suffix('.bin')] if kind == 'openvino' else [out]
    check_outputs(outputs, [*config_files(config), *files_of(checkpoint)])
    if kind == 'safetensors' and Path(out).suffix != SAFETENSORS:
        raise UserError(f'{out}: a file of safetensors is named *{SAFETENSORS}')
    if kind in ('onnx', 'openvino'):
        _import_onnx()
    if kind == 'openvino':
        import_openvino()
    network, generator = build_generator(checkpoint, config.filename)
    if not isinstance(network, MASANet):
        raise UserError(f'{config.filename}: its generator is no MASANet, so it cannot be exported')
    network.eval()
    if kind == 'safetensors':
        weights = {PREFIX + key: value for key, value in network.state_dict().items()}
        stored = Config(dict(model=dict(generator=dict(generator))))
        write_tensors(dict(state_dict=weights, meta=dict(cfg=stored.pretty_text)), out)
        return None
    interface = Interface.of(network, *sizes)
    program = export_program(network, interface)
    if kind == 'torch':
        with written_whole(out) as temporary:
            torch.export.save(program, temporary, extra_files={KEY: interface.to_text()})
        return interface
    save = save_onnx if kind == 'onnx' else save_openvino
    save(to_onnx(program, network.matching.patch_size**2), interface, out)
    return interface


class _Traced(nn.Module):
    """The network with all that it returns as plain tensors."""

    def __init__(self, network: MASANet) -> None:
        super().__init__()
        self.network = network

    def forward(self, lq: Tensor, ref: Tensor, ref_down: Tensor) -> tuple[Tensor, ...]:
        sr, matches = self.network.super_resolve(lq, ref, ref_down)
        return sr, *matches[:4]


def export_program(network: MASANet, interface: Interface) -> ExportedProgram:
    """Trace a network, with all sizes free that its interface does not fix.

    Blocks are matched all at once and exactly, since the number of groups and how Stage 1 searches
    would depend on the sizes.
    """
    network = copy.deepcopy(network).eval()
    network.matching.max_elements, network.matching.search = None, 'exact'
    scale, divisor = interface.scale, interface.size_divisor
    # For free sizes these are an example, none of which equals another.
    lq = torch.rand(1, 3, *(interface.lq_size or (5 * divisor, 6 * divisor)))
    grid = [size // scale for size in interface.ref_size or (36 * scale, 44 * scale)]
    ref, ref_down = torch.rand(1, 3, *(size * scale for size in grid)), torch.rand(1, 3, *grid)
    shapes = dict.fromkeys(INPUTS)
    if interface.lq_size is None:
        rows, columns = (Dim(name, min=MIN_BLOCKS, max=MAX_BLOCKS) for name in ('rows', 'columns'))
        shapes['lq'] = {2: divisor * rows, 3: divisor * columns}
    if interface.ref_size is None:
        height, width = (
            Dim(name, min=MIN_REF_DOWN, max=MAX_REF_DOWN) for name in ('height', 'width')
        )
        shapes['ref'] = {2: scale * height, 3: scale * width}
        shapes['ref_down'] = {2: height, 3: width}
    with torch.no_grad():
        return torch.export.export(_Traced(network), (lq, ref, ref_down), dynamic_shapes=shapes)


def to_onnx(program: ExportedProgram, patch_area: int) -> ONNXProgram:
    """Translate a program to ONNX, given the positions in a patch of the matching (9 for 3×3)."""
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
    """Write a network as one ONNX file, its interface among the metadata."""
    translated.model.metadata_props[KEY] = interface.to_text()
    with written_whole(path) as temporary:
        translated.save(temporary)


def save_openvino(translated: ONNXProgram, interface: Interface, path: str | os.PathLike) -> None:
    """Write a network as OpenVINO's two files, its interface in the runtime information."""
    openvino = import_openvino()
    model = openvino.Core().read_model(translated.model_proto.SerializeToString())
    model.set_rt_info(interface.to_text(), KEY)
    weights_file = Path(path).with_suffix('.bin')
    with written_whole(path) as graph, written_whole(weights_file) as weights:
        openvino.serialize(model, graph, weights)


def _import_onnx() -> ModuleType:
    """Import the operators of onnxscript, or say what to install."""
    try:
        import onnx  # noqa: F401  (torch needs it to write the file)
        from onnxscript import opset18
    except ImportError as error:
        raise UserError(
            f'exporting to ONNX needs {error.name}: pip install -r requirements/export.txt'
        ) from error
    return opset18


def _translations(patch_area: int) -> dict[Callable, Callable]:
    """Return ONNX for two of the network's operators.

    onnxscript (0.7) cannot take a remainder by a size that is not known, and translates
    ``embedding_bag`` to a loop over bags, each of which a position of the image is here.
    """
    op = _import_onnx()

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
            pixels = op.Gather(weight, op.Gather(indices, column, axis=1), axis=0)
            part = op.Mul(pixels, op.Gather(shares, column, axis=1))
            total = part if total is None else op.Add(total, part)
        return total, offsets, offsets, offsets

    return {
        torch.ops.aten.remainder.Scalar: remainder,
        torch.ops.aten.embedding_bag.padding_idx: weighted_sum,
    }
