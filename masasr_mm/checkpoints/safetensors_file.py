"""Weights in safetensors files, which hold tensors and text and cannot run code."""

from __future__ import annotations

import os

from torch import Tensor

from ..errors import UserError
from ..files import written_whole

SUFFIX = '.safetensors'


def read_safetensors(path: str | os.PathLike) -> dict:
    """Read a safetensors file in the form that other checkpoints have.

    Args:
        path (str | os.PathLike): The file.

    Returns:
        dict: ``state_dict``, on the CPU, and ``meta``, the file's texts.

    Raises:
        UserError: If it is no safetensors file, or the package is missing.
    """
    safetensors = _package()
    try:
        with safetensors.safe_open(str(path), framework='pt') as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return dict(state_dict=weights, meta=dict(file.metadata() or {}))
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise UserError(f'{path}: not a readable safetensors file ({error})') from error


def write_safetensors(
    state_dict: dict[str, Tensor], meta: dict[str, str], path: str | os.PathLike
) -> None:
    """Write weights whole or not at all.

    Args:
        state_dict (dict[str, Tensor]): Names and weights.
        meta (dict[str, str]): Texts to keep beside them.
        path (str | os.PathLike): The file; its folder is made if needed.

    Raises:
        UserError: If it cannot be written, or the package is missing.
    """
    _package()
    from safetensors.torch import save_file

    weights = {name: value.contiguous() for name, value in state_dict.items()}
    with written_whole(path) as temporary:
        save_file(weights, str(temporary), metadata=dict(meta, format='pt'))


def _package():
    try:
        import safetensors
    except ImportError as error:
        raise UserError('safetensors files need a package: pip install safetensors') from error
    return safetensors
