"""Checkpoints of any origin in our format: ours as they are, published ones converted."""

from __future__ import annotations

import os

from ..errors import UserError
from .published import from_published, is_published
from .reading import load_tensors
from .released import from_released, is_released
from .state_dicts import PREFIX, state_dict_of


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
