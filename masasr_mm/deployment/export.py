"""From a config and a checkpoint to a file in another format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mmagic.registry import MODELS
from mmengine.config import Config

from ..checkpoints.formats import PREFIX
from ..checkpoints.hub import files_of
from ..checkpoints.loading import load_generator
from ..config import config_files
from ..errors import UserError
from ..files import check_outputs
from ..models.masa_net import MASANet
from ..tensor_files import SAFETENSORS, write_tensors
from .interface import Interface
from .openvino_file import save_openvino, weights_file
from .program import export_program, interface_of, save_program


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
    if kind == 'safetensors' and Path(out).suffix != SAFETENSORS:
        raise UserError(f'{out}: a file of safetensors is named *{SAFETENSORS}')
    outputs = [out, weights_file(out)] if kind == 'openvino' else [out]
    check_outputs(outputs, [*config_files(config), *files_of(checkpoint)])
    network = load_network(config, checkpoint)
    if kind == 'safetensors':
        weights = {PREFIX + key: value for key, value in network.state_dict().items()}
        stored = Config(dict(model=dict(generator=config.model.generator.to_dict())))
        write_tensors(dict(state_dict=weights, meta=dict(cfg=stored.pretty_text)), out)
        return None
    interface = interface_of(network, *sizes)
    program = export_program(network, interface)
    if kind == 'torch':
        save_program(program, interface, out)
        return interface
    from .onnx_file import save_onnx, to_onnx

    translated = to_onnx(program, network.matching.patch_size**2)
    save = save_onnx if kind == 'onnx' else save_openvino
    save(translated, interface, out)
    return interface


def load_network(config: Config, checkpoint: str | os.PathLike) -> MASANet:
    """Build the generator of a config with the weights of a checkpoint.

    Args:
        config (Config): With a ``model``.
        checkpoint (str | os.PathLike): A checkpoint of ours, or one of the authors'.

    Returns:
        MASANet: The network, on the CPU, for inference.

    Raises:
        UserError: If the config has no ``MASANet``, or the checkpoint does not fit it.
    """
    model = config.get('model') or {}
    if (model.get('generator') or {}).get('type') != 'MASANet':
        raise UserError(f'{config.filename}: its model has no generator of type MASANet')
    networks = dict(discriminator=None, gan_loss=None, perceptual_loss=None)
    editor = MODELS.build(dict(model, **networks))
    load_generator(editor, checkpoint)
    return editor.generator.eval()
