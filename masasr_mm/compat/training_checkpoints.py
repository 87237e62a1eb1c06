"""Training checkpoints of mmengine that torch reads, and that fit the model when they are read."""

from __future__ import annotations

import codecs
import os
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load`` read the training checkpoints of mmengine without trusting the file.

    torch 2.6 and later load nothing but tensors and plain values by default, and mmengine (0.10.7)
    keeps its log in the checkpoint: ``HistoryBuffer`` objects, numpy arrays and scalars, and
    ``getattr(HistoryBuffer, 'mean')`` and the like. Exactly these are allowed here; ``getattr``
    only in that use. (torch before 2.4 knows no such list, so that it could not read its own
    training checkpoints safely; it is no longer supported.)
    """
    import numpy as np
    import torch
    from mmengine.logging import HistoryBuffer

    array, scalar = np.zeros(1), np.float64(0)
    dtypes = [type(np.dtype(kind)) for kind in ('float32', 'float64', 'int64')]
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            _history_statistic,
            np.ndarray,
            np.dtype,
            array.__reduce__()[0],  # moved from numpy.core to numpy._core with numpy 2
            scalar.__reduce__()[0],
            codecs.encode,  # the bytes of a scalar; torch before 2.6 does not allow it by itself
            *dtypes,
        ]
    )


def _history_statistic(owner: type, name: str) -> Callable:
    """Stand for ``getattr`` in a checkpoint: a statistic of ``HistoryBuffer``, or nothing."""
    from mmengine.logging import HistoryBuffer

    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'the file asks for getattr({owner!r}, {name!r}): refused')
    return getattr(owner, name)


# torch 2.4 and 2.5 take the name to look for in the file from the function itself.
_history_statistic.__module__, _history_statistic.__name__ = 'builtins', 'getattr'
_history_statistic.__qualname__ = 'getattr'


def load_weights_only() -> None:
    """Make every ``torch.load`` of this process refuse files that would run code.

    From torch 2.6 on this is the default of ``torch.load``, and mmengine (0.10.7) leaves the choice
    to it; torch 2.4 and 2.5 want to be told, which the command line tools do here. A user who asked
    torch for the opposite through ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD`` is left alone.
    """
    if not os.environ.get('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'):
        os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'


def without_wrappers(module: nn.Module, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take the names that distributed wrappers add out of the keys of a state dict.

    ``MMSeparateDistributedDataParallel`` of mmengine (0.10.7) wraps the children of a model, so
    that its checkpoints hold ``generator.module.…``; but loading, there as elsewhere, looks for
    ``generator.…`` and passes over the rest with no more than a log line.

    Args:
        module (nn.Module): The model whose children may be wrapped.
        state_dict (dict[str, Tensor]): Its state dict; changed in place.

    Returns:
        dict[str, Tensor]: The same, with the keys of the model before it was wrapped.
    """
    from mmengine.model import is_model_wrapper

    prefixes = {
        f'{name}.module.': f'{name}.'
        for name, child in module.named_children()
        if is_model_wrapper(child)
    }
    for key in list(state_dict):
        value = state_dict.pop(key)
        prefix = next((prefix for prefix in prefixes if key.startswith(prefix)), '')
        state_dict[prefixes.get(prefix, '') + key[len(prefix) :]] = value
    return state_dict
