"""Reading checkpoints of any origin: tensors only, ours or the authors'."""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmagic.registry import MODELS
from mmengine.logging import print_log
from torch import nn

from ..errors import UserError
from ..files import written_whole
from ..models.peers.network import PeerNetwork
from ..models.peers.published import from_mmagic, from_published, is_published
from ..models.released import PREFIX, from_released, is_released
from . import pretrained, safetensors_file
from .downloads import local_file

TORCH_REASON = re.compile(
    r'WeightsUnpickler error:\s*(.+?)(?: Please use|\n|$)'
    r'|Trying to load unsupported (GLOBAL \S+)'
)
"""Why torch refuses a file, amid what it says on trusting files."""


def load_tensors(path: str | os.PathLike) -> dict:
    """Read a checkpoint file, allowing nothing in it but tensors and plain values.

    The weights are mapped, not read: they take memory when they are used. Nothing in the file may
    claim to be larger than the file.

    Args:
        path (str | os.PathLike): A file that ``torch.save`` wrote, a safetensors file, or a folder
            with ``config.json`` and ``model.safetensors``.

    Returns:
        dict: What the file holds, on the CPU.

    Raises:
        UserError: If the file is missing, damaged, no checkpoint, or would run code when loaded.
    """
    path = Path(path)
    if path.is_dir():
        return pretrained.read_pretrained(path)
    if not path.is_file():
        raise UserError(f'checkpoint not found: {path}')
    if path.suffix == safetensors_file.SUFFIX:
        return safetensors_file.read_safetensors(path)
    try:
        is_archive = zipfile.is_zipfile(path)  # all that torch has written since 1.6
        if is_archive:
            _refuse_compression(path)
        content = torch.load(str(path), map_location='cpu', weights_only=True, mmap=is_archive)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            f'{path}: refused, it is damaged or holds more than tensors and plain values '
            f'({_reason(error)})'
        ) from error
    except Exception as error:  # a broken file can end in any error of the unpickler
        raise UserError(f'{path}: not a readable checkpoint ({_reason(error)})') from error
    if not isinstance(content, dict) or not content:
        raise UserError(f'{path}: not a checkpoint, it holds a {type(content).__name__}')
    weights = state_dict_of(content)
    if not isinstance(weights, dict) or not all(isinstance(key, str) for key in weights):
        raise UserError(f'{path}: not a checkpoint, its state_dict is no list of named weights')
    if not weights:
        raise UserError(f'{path}: not a checkpoint, it holds no weights')
    _refuse_odd_tensors(content, path)
    return content


def _refuse_compression(path: Path) -> None:
    """Raise where a part of an archive would grow when read; torch never compresses."""
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            if part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size:
                raise UserError(f'{path}: refused, {part.filename} in it is compressed')


def _refuse_odd_tensors(content: dict, path: Path) -> None:
    """Raise for a tensor that is not plain, or would be larger than what the file has of it."""
    for name, tensor in _named_tensors(content):
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type != 'cpu':
            raise UserError(f"{path}: refused, '{name}' is no plain tensor")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise UserError(
                f"{path}: refused, '{name}' claims to be {_shape(tensor)} but the file has only "
                f'{tensor.untyped_storage().nbytes():,} bytes of it'
            )


def _named_tensors(content: dict) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor in nested containers, and the last key on the way to it."""
    waiting, seen = [('', content)], set()
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, (dict, list, tuple, set)) and id(value) not in seen:
            seen.add(id(value))  # a container may hold itself
            parts = value.items() if isinstance(value, dict) else ((name, part) for part in value)
            waiting += ((str(key), part) for key, part in parts)


def state_dict_of(checkpoint: dict) -> dict:
    """Return the weights of a checkpoint: its entry ``state_dict``, or all of it.

    Args:
        checkpoint (dict): As :func:`load_tensors` returns it.

    Returns:
        dict[str, Tensor]: Names and weights.
    """
    return checkpoint.get('state_dict', checkpoint)


def read_checkpoint(path: str | os.PathLike) -> dict:
    """Read a checkpoint of any model; one in a published format is converted.

    These are that of MASA-SR's authors, and those of the networks that MASA is compared with.

    Args:
        path (str | os.PathLike): The file or folder.

    Returns:
        dict: What it holds; ``state_dict`` and ``meta`` with ``converted`` for a published one.

    Raises:
        UserError: If it cannot be read.
    """
    checkpoint = load_tensors(path)
    state_dict = state_dict_of(checkpoint)
    if is_released(state_dict):
        state_dict = from_released(state_dict, str(path))
    elif is_published(state_dict):
        state_dict = from_published(state_dict)
    else:
        return checkpoint
    return dict(state_dict=state_dict, meta=dict(converted=True))


def load_checkpoint(path: str | os.PathLike) -> dict:
    """Read a checkpoint in our format; one in the authors' is converted.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        dict: ``state_dict`` with keys under ``generator.``, and ``meta``, which has ``converted``
        for one of the authors'.

    Raises:
        UserError: If the file cannot be read or holds no MASA generator.
    """
    checkpoint = read_checkpoint(path)
    state_dict = state_dict_of(checkpoint)
    if not any(str(key).startswith(PREFIX) for key in state_dict):
        first = next(iter(state_dict))
        raise UserError(
            f"{path}: no MASA checkpoint, no key starts with '{PREFIX}' (the first is '{first}')"
        )
    return checkpoint if 'state_dict' in checkpoint else dict(state_dict=state_dict)


def load_generator(model: nn.Module, path: str | os.PathLike) -> dict:
    """Load the generator's weights into an editor model, every one of them.

    That a file was in the authors' format is told in the log.

    Args:
        model (nn.Module): The editor ``MASA``, perhaps in a distributed wrapper.
        path (str | os.PathLike): A checkpoint in our format or in the authors'.

    Returns:
        dict: The checkpoint.

    Raises:
        UserError: If the file cannot be read or its weights do not fit the network.
    """
    checkpoint = load_checkpoint(path)
    editor = getattr(model, 'module', model)
    load_weights(getattr(editor.generator, 'module', editor.generator), checkpoint, path)
    return checkpoint


def fit_checkpoint(generator: nn.Module, checkpoint: dict) -> dict:
    """Bring a checkpoint of mmagic's editor to the network that MASA is compared with.

    Args:
        generator (nn.Module): The network.
        checkpoint (dict): As :func:`load_checkpoint` returns it.

    Returns:
        dict: The same, but for a checkpoint of mmagic with names as the network has them, and for a
        network that puts mmagic's into another.
    """
    if not isinstance(generator, PeerNetwork) or not hasattr(generator, 'network'):
        return checkpoint
    return dict(checkpoint, state_dict=from_mmagic(checkpoint['state_dict']))


def load_weights(generator: nn.Module, checkpoint: dict, path: str | os.PathLike) -> None:
    """Load weights that have been read into a generator, every one of them.

    That they were in a published format is told in the log.

    Args:
        generator (nn.Module): The network.
        checkpoint (dict): As :func:`load_checkpoint` returns it.
        path (str | os.PathLike): Its name, for the log and for the error message.

    Raises:
        UserError: If they do not fit the network.
    """
    checkpoint = fit_checkpoint(generator, checkpoint)
    check_weights(generator, checkpoint['state_dict'], path, PREFIX)
    weights = checkpoint['state_dict'].items()
    generator.load_state_dict(
        {key[len(PREFIX) :]: value for key, value in weights if key.startswith(PREFIX)}
    )
    meta = checkpoint.get('meta')
    if isinstance(meta, dict) and meta.get('converted') is True:
        print_log(f"{path}: the authors' released format, converted in memory", 'current')


def check_weights(
    module: nn.Module, state_dict: dict[str, Any], path: str | os.PathLike, prefix: str = ''
) -> None:
    """See that a checkpoint has every weight of a module, of its shape, and no other.

    Args:
        module (nn.Module): The module; it may be on the device ``meta``, where it takes no memory.
        state_dict (dict[str, Any]): What the checkpoint has.
        path (str | os.PathLike): Name of the checkpoint, for the error message.
        prefix (str): The weights of the module are those whose keys start so. Default: ''.

    Raises:
        UserError: If a weight is missing, unknown, of another shape, or not of real numbers.
    """
    expected = {prefix + key: value for key, value in module.state_dict().items()}
    given = {key: value for key, value in state_dict.items() if key.startswith(prefix)}
    for key in (*expected, *given):
        have, need = given.get(key), expected.get(key)
        if need is None or not isinstance(have, torch.Tensor) or have.shape != need.shape:
            raise UserError(
                f"{path} does not fit the network of the config: '{key}' is "
                f'{_shape(have)} in the file and {_shape(need)} in the network'
            )
        if have.dtype.is_complex or have.is_floating_point() != need.is_floating_point():
            raise UserError(f"{path}: '{key}' holds {have.dtype}, the network {need.dtype}")


def check_start(path: str | os.PathLike, model: dict, resume: bool) -> None:
    """See that a training can start from a checkpoint, before memory is taken for either.

    mmengine passes over weights that do not fit with no more than a line in the log.

    Args:
        path (str | os.PathLike): The checkpoint, as :func:`.downloads.local_file` takes it.
        model (dict): Config of the editor.
        resume (bool): Whether the training goes on, with all networks and optimizers; otherwise
            it takes the weights of the generator alone.

    Raises:
        UserError: If the file cannot be read, does not fit, has no training that could go on, or
            would have code run.
    """
    path = local_file(path)
    if resume:
        checkpoint = load_tensors(path)
        if 'optimizer' not in checkpoint:
            raise UserError(
                f'{path}: weights alone, no training that could be resumed; start from them with '
                f'--load-from {path}'
            )
        _refuse_code_on_resume(checkpoint, path)
    else:
        checkpoint = read_checkpoint(path)
    with torch.device('meta'):
        editor = MODELS.build(model)
    if not hasattr(editor, 'generator'):
        return  # an editor of somebody else's
    part, prefix = (editor, '') if resume else (editor.generator, PREFIX)
    check_weights(part, state_dict_of(checkpoint), path, prefix)


def _refuse_code_on_resume(checkpoint: dict, path: str | os.PathLike) -> None:
    """Raise for a config that mmengine (0.10.7) would run: ``meta['config']``, in ``resume``.

    mmengine itself writes it as ``meta['cfg']``, which nobody runs.
    """
    meta = checkpoint.get('meta')
    if not isinstance(meta, dict) or not {'epoch', 'iter'} <= set(meta):
        raise UserError(f'{path}: no training that could be resumed, its meta has no epoch or iter')
    if 'config' in meta:
        raise UserError(f"{path}: refused, resuming it would run the code in its meta['config']")


def save_checkpoint(content: dict, path: str | os.PathLike) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        content (dict): What to save.
        path (str | os.PathLike): The file; its folder is made if needed.

    Raises:
        UserError: If it cannot be written.
    """
    # Given a name, torch has another error for a full disk, and refuses names without an ending.
    with written_whole(path) as temporary, temporary.open('wb') as file:
        torch.save(content, file)


def _shape(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return str(tuple(value.shape))
    return 'missing' if value is None else f'a {type(value).__name__}'


def _reason(error: Exception) -> str:
    """Return what an error says in one line, without torch's long advice."""
    found = TORCH_REASON.search(str(error))
    text = found[1] or found[2] if found else str(error).split('. This is an internal')[0]
    return (text.strip() or type(error).__name__).splitlines()[0][:200]
