"""Names and shapes of weights: those of a checkpoint against those of a network."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn

from ..errors import UserError

PREFIX = 'generator.'
"""How the names of the network's weights begin in a checkpoint of the editor."""


def state_dict_of(checkpoint: dict) -> dict:
    """Return the weights of a checkpoint: its entry ``state_dict``, or all of it.

    Args:
        checkpoint (dict): As :func:`~.reading.load_tensors` returns it.

    Returns:
        dict[str, Tensor]: Names and weights.
    """
    return checkpoint.get('state_dict', checkpoint)


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
        UserError: If a weight is missing, unknown, of another shape, not of real numbers, or has
            values that are not finite.
    """
    expected = {prefix + key: value for key, value in module.state_dict().items()}
    given = {key: value for key, value in state_dict.items() if key.startswith(prefix)}
    for key in (*expected, *given):
        have, need = given.get(key), expected.get(key)
        if need is None or not isinstance(have, torch.Tensor) or have.shape != need.shape:
            raise UserError(
                f"{path} does not fit the network of the config: '{key}' is "
                f'{shape_of(have)} in the file and {shape_of(need)} in the network'
            )
        if have.dtype.is_complex or have.is_floating_point() != need.is_floating_point():
            raise UserError(f"{path}: '{key}' holds {have.dtype}, the network {need.dtype}")
        if have.is_floating_point() and not have.float().isfinite().all():
            raise UserError(
                f"{path}: refused, '{key}' has values that are no numbers or infinite; take a "
                'checkpoint from before that'
            )


def shape_of(value: Any) -> str:
    """Say which shape a weight has.

    Args:
        value (Any): What a checkpoint or a network has under its name; None for nothing.

    Returns:
        str: Such as ``(64, 3, 3, 3)``, ``missing`` or ``a dict``.
    """
    if isinstance(value, torch.Tensor):
        return str(tuple(value.shape))
    return 'missing' if value is None else f'a {type(value).__name__}'
