"""What mmengine (0.10.7) lacks or does wrong."""

from __future__ import annotations

import codecs
import functools
import importlib
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    from mmengine.registry import Registry
    from torch import Tensor, nn

PACKAGE = Path(__file__).resolve().parent.parent
OUR_CONFIGS = f'{PACKAGE.name}::'
"""How a name begins that means one of our configs."""
LAUNCHER_VARIABLES = {
    'pytorch': dict(RANK='RANK', WORLD_SIZE='WORLD_SIZE', MASTER_ADDR='MASTER_ADDR'),
    'slurm': dict(RANK='SLURM_PROCID', WORLD_SIZE='SLURM_NTASKS', LOCAL_RANK='SLURM_LOCALID'),
    'mpi': dict(
        RANK='OMPI_COMM_WORLD_RANK',
        WORLD_SIZE='OMPI_COMM_WORLD_SIZE',
        LOCAL_RANK='OMPI_COMM_WORLD_LOCAL_RANK',
        MASTER_ADDR='MASTER_ADDR',
    ),
}
"""What torch.distributed reads from the environment, and where each launcher puts it."""


def provide_configs_by_name() -> None:
    """Let ``_base_`` be ``masasr_mm::masa_x4_cufed5.py``.

    mmengine takes such names of OpenMMLab's own packages alone, wants a folder in them, and asks
    pkg_resources for the package, which setuptools no longer has.
    """
    from mmengine.config import Config

    for_others = Config._get_cfg_path

    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if not cfg_path.startswith(OUR_CONFIGS):
            return for_others(cfg_path, filename)
        path = PACKAGE / '.mim' / 'configs' / cfg_path.removeprefix(OUR_CONFIGS)
        if not path.is_file():
            raise UserError(f'{filename}: there is no {path}, which {cfg_path} means')
        return str(path), None  # the scope is mmagic's, as in any config of ours

    Config._get_cfg_path = staticmethod(get_cfg_path)


def provide_configs_in_hub() -> None:
    """Let ``mmengine.hub.get_config`` find our configs by name."""
    from mmengine.hub import hub

    for name, answer in dict(
        _get_package_and_cfg_path=lambda path: (PACKAGE.name, path.removeprefix(OUR_CONFIGS)),
        install_package=lambda package: None,
        get_installed_path=lambda package: str(PACKAGE),
    ).items():
        setattr(hub, name, _ours_or_else(answer, getattr(hub, name)))


def _ours_or_else(answer: Callable, otherwise: Callable) -> Callable:
    """Return a function that gives ``answer`` for this package, or for one of its configs."""

    @functools.wraps(otherwise)
    def choose(name: str):
        return (answer if name.partition('::')[0] == PACKAGE.name else otherwise)(name)

    return choose


def import_when_asked(registry: Registry, module: str) -> None:
    """Let a registry import a module before it first answers.

    mmengine's ``Registry`` does this with its ``locations``, but takes them only when it is made.
    Where it keeps them in another way, or has imported them before, the module is imported at once.
    """
    locations = getattr(registry, '_locations', None)
    if isinstance(locations, list) and getattr(registry, '_imported', True) is False:
        locations.insert(0, module)
    else:
        importlib.import_module(module)


def import_without_transformers() -> None:
    """Import mmengine's models without transformers, for a command that does not train.

    mmengine.optim imports all of transformers to register one optimizer of it, Adafactor, which
    takes as long as everything else that a photo needs besides torch.
    """
    if 'transformers' in sys.modules:
        return
    sys.modules['transformers'] = None
    try:
        importlib.import_module('mmengine.optim')
    finally:
        del sys.modules['transformers']


def concerns_the_user(record: logging.LogRecord) -> bool:
    """Tell whether a line of mmengine's log is of use to a user; a filter for log handlers.

    mmengine warns of names of its own that it uses itself and will give up, and of metrics without
    a prefix, whose names in the log are shorter for that.
    """
    text = record.getMessage()
    return 'deprecated in future' not in text and 'The prefix is not set in metric' not in text


def init_process_group_without_gpu(launcher: str) -> bool:
    """Set up ``torch.distributed`` with gloo where there is no accelerator; return whether it was.

    mmengine's ``init_dist`` calls ``torch.cuda.set_device`` whatever the backend, but its Runner
    skips that where a process group exists. Call this before the Runner is built.
    """
    from mmengine.device import get_device
    from torch import distributed

    # Apple's mps has no backend of its own, so its processes use gloo, too.
    if launcher == 'none' or get_device() not in ('cpu', 'mps') or distributed.is_initialized():
        return False
    set_torch_variables(launcher)
    distributed.init_process_group('gloo')
    return True


def set_torch_variables(launcher: str) -> None:
    """Translate a launcher's environment variables into those that torch.distributed reads."""
    for name, source in LAUNCHER_VARIABLES[launcher].items():
        if source not in os.environ:
            raise UserError(
                f'--launcher {launcher}: the environment variable {source} is not set; that '
                'launcher must start the processes (see tools/dist_train.sh, tools/slurm_train.sh)'
            )
        os.environ[name] = os.environ[source]
    os.environ.setdefault('MASTER_PORT', '29500')
    if launcher == 'slurm' and 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_slurm_host()


def _first_slurm_host() -> str:
    """Return the first host of this Slurm job, where the process of rank 0 is."""
    command = ['scontrol', 'show', 'hostnames']  # of the variable SLURM_JOB_NODELIST
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        return result.stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise UserError(
            '--launcher slurm: scontrol does not tell the hosts of the job; set MASTER_ADDR to the '
            'host of rank 0'
        ) from error


def allow_mmengine_checkpoints() -> None:
    """Let ``torch.load`` read mmengine's training checkpoints without trusting the file.

    They hold its log: ``HistoryBuffer`` objects, numpy arrays and scalars, and
    ``getattr(HistoryBuffer, 'mean')`` and the like. Exactly these are allowed here.
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


def without_wrappers(module: nn.Module, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take the names that distributed wrappers add out of the keys of a state dict, in place.

    ``MMSeparateDistributedDataParallel`` wraps the children of a model, so that its checkpoints
    hold ``generator.module.…``, which loading passes over with no more than a log line.
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
