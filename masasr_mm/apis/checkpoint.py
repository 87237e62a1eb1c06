"""Reading checkpoints of any origin: tensors only, ours or the authors'."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path

import torch
from mmengine.logging import print_log

from ..errors import UserError
from ..models.released import from_released, is_released


def load_tensors(path: str | os.PathLike) -> dict:
    """Read a checkpoint file, allowing nothing in it but tensors and plain values.

    Args:
        path (str | os.PathLike): A file that ``torch.save`` wrote.

    Returns:
        dict: What the file holds, on the CPU.

    Raises:
        UserError: If the file is missing, damaged, no checkpoint, or would run code when loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f'checkpoint not found: {path}')
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f'{path}: refused, it is damaged or holds more than tensors and plain values '
            f'({_reason(error)})'
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f'{path}: not a readable checkpoint ({_reason(error)})') from error
    if not isinstance(content, dict) or not content:
        raise UserError(f'{path}: not a checkpoint, it holds a {type(content).__name__}')
    return content


def state_dict_of(checkpoint: dict) -> dict:
    """Return the weights of a checkpoint: its entry ``state_dict``, or all of it.

    Args:
        checkpoint (dict): As :func:`load_tensors` returns it.

    Returns:
        dict[str, Tensor]: Names and weights.
    """
    return checkpoint.get('state_dict', checkpoint)


def load_checkpoint(path: str | os.PathLike) -> dict:
    """Read a checkpoint in our format; one in the authors' is converted, with a log line.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        dict: ``state_dict`` with keys under ``generator.``, and ``meta``.

    Raises:
        UserError: If the file cannot be read or holds no MASA generator.
    """
    checkpoint = load_tensors(path)
    state_dict = state_dict_of(checkpoint)
    if is_released(state_dict):
        print_log(f"{path}: the authors' released format, converted in memory", 'current')
        return dict(state_dict=from_released(state_dict, str(path)), meta={})
    if not any(str(key).startswith('generator.') for key in state_dict):
        first = next(iter(state_dict))
        raise UserError(
            f"{path}: no MASA checkpoint, no key starts with 'generator.' (the first is '{first}')"
        )
    return checkpoint


def save_whole(content: dict, path: str | os.PathLike) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        content (dict): What to save.
        path (str | os.PathLike): The file; its folder is made if needed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            torch.save(content, file)
            file.close()
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
