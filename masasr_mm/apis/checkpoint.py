"""Reading checkpoints of any origin: tensors only, ours or the authors'."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import torch
from mmengine.logging import print_log
from torch import nn

from ..errors import UserError
from ..files import written_whole
from ..models.released import PREFIX, from_released, is_released


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
    if not any(str(key).startswith(PREFIX) for key in state_dict):
        first = next(iter(state_dict))
        raise UserError(
            f"{path}: no MASA checkpoint, no key starts with '{PREFIX}' (the first is '{first}')"
        )
    return checkpoint


def load_generator(model: nn.Module, path: str | os.PathLike) -> dict:
    """Load the generator's weights into an editor model, every one of them.

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
    generator = getattr(editor.generator, 'module', editor.generator)
    weights = {
        key[len(PREFIX) :]: value
        for key, value in checkpoint['state_dict'].items()
        if key.startswith(PREFIX)
    }
    expected = generator.state_dict()
    for key in (*expected, *weights):
        have, need = weights.get(key), expected.get(key)
        if have is None or need is None or have.shape != need.shape:
            raise UserError(
                f"{path} does not fit the network of the config: '{PREFIX}{key}' is "
                f'{_shape(have)} in the file and {_shape(need)} in the network'
            )
    generator.load_state_dict(weights)
    return checkpoint


def save_checkpoint(content: dict, path: str | os.PathLike) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        content (dict): What to save.
        path (str | os.PathLike): The file; its folder is made if needed.

    Raises:
        UserError: If it cannot be written.
    """
    with written_whole(path) as temporary:
        torch.save(content, temporary)


def _shape(value: torch.Tensor | None) -> str:
    return 'missing' if value is None else str(tuple(value.shape))


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
