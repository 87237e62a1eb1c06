"""Reading checkpoint files that may be a stranger's: tensors and plain values only."""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

from ..errors import UserError
from . import pretrained, safetensors_file
from .state_dicts import shape_of, state_dict_of

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
                f"{path}: refused, '{name}' claims to be {shape_of(tensor)} but the file has only "
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
