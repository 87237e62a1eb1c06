"""Files of tensors that may be a stranger's: read as tensors and plain values, written whole."""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import nn

from .errors import UserError
from .files import written_whole

SAFETENSORS = '.safetensors'
TORCH_REASON = re.compile(
    r'WeightsUnpickler error:\s*(.+?)(?: Please use|\n|$)'
    r'|Trying to load unsupported (GLOBAL \S+)'
)
"""Why torch refuses a file, amid what it says on trusting files."""


def read_tensors(path: str | os.PathLike) -> dict:
    """Read a file of ``torch.save``, or a safetensors file (``state_dict``, ``meta``), to the CPU.

    Nothing but tensors and plain values is allowed, and nothing may claim to be larger than the
    file. Weights are mapped, not read: they take memory when they are used.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'checkpoint not found: {path}')
    content = (_read_safetensors if path.suffix == SAFETENSORS else _unpickle)(path)
    if not isinstance(content, dict) or not content:
        raise UserError(f'{path}: not a checkpoint, it holds a {type(content).__name__}')
    weights = weights_of(content)
    if not isinstance(weights, dict) or not all(isinstance(key, str) for key in weights):
        raise UserError(f'{path}: not a checkpoint, its state_dict is no list of named weights')
    if not weights:
        raise UserError(f'{path}: not a checkpoint, it holds no weights')
    _refuse_odd_tensors(content, path)
    return content


def write_tensors(content: dict, path: str | os.PathLike) -> None:
    """Write a file whole or not at all; safetensors hold ``state_dict`` and texts, ``meta``."""
    with written_whole(path) as temporary:
        if temporary.suffix == SAFETENSORS:
            from safetensors.torch import save_file

            weights = {name: value.contiguous() for name, value in content['state_dict'].items()}
            save_file(weights, temporary, metadata=dict(content.get('meta', {}), format='pt'))
            return
        # Given a name, torch has another error for a full disk, and refuses some names.
        with temporary.open('wb') as file:
            torch.save(content, file)


def weights_of(content: dict) -> dict:
    """Return the weights of a file: its entry ``state_dict``, or all of it."""
    return content.get('state_dict', content)


def check_weights(
    module: nn.Module, state_dict: dict[str, Any], path: str | os.PathLike, prefix: str = ''
) -> None:
    """See that a file has every weight of a module, of its shape and finite, and no other.

    The module may be on the device ``meta``, where it takes no memory; its weights are those whose
    keys start with ``prefix``.
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
        check_finite(have, key, path)


def check_finite(weight: torch.Tensor, key: str, path: str | os.PathLike) -> None:
    """Refuse a weight with NaN or infinite values."""
    if weight.is_floating_point() and not weight.float().isfinite().all():
        raise UserError(
            f"{path}: refused, '{key}' has values that are no numbers or infinite; take a "
            'checkpoint from before that'
        )


def _unpickle(path: Path) -> Any:
    try:
        is_archive = zipfile.is_zipfile(path)  # all that torch has written since 1.6
        if is_archive:
            _refuse_compression(path)
        return torch.load(str(path), map_location='cpu', weights_only=True, mmap=is_archive)
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            f'{path}: refused, it is damaged or holds more than tensors and plain values '
            f'({_reason(error)})'
        ) from error
    except Exception as error:  # a broken file can end in any error of the unpickler
        raise UserError(f'{path}: not a readable checkpoint ({_reason(error)})') from error


def _read_safetensors(path: Path) -> dict:
    try:
        with safetensors.safe_open(path, framework='pt') as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return dict(state_dict=weights, meta=dict(file.metadata() or {}))
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise UserError(f'{path}: not a readable safetensors file ({error})') from error


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


def _reason(error: Exception) -> str:
    """Return what an error says in one line, without torch's long advice."""
    found = TORCH_REASON.search(str(error))
    text = found[1] or found[2] if found else str(error).split('. This is an internal')[0]
    return (text.strip() or type(error).__name__).splitlines()[0][:200]


def _shape(value: Any) -> str:
    """Return such as ``(64, 3, 3, 3)``, ``missing`` or ``a dict``."""
    if isinstance(value, torch.Tensor):
        return str(tuple(value.shape))
    return 'missing' if value is None else f'a {type(value).__name__}'
