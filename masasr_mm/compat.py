"""Other people's version troubles, all of them here: each with its reason and its version."""

from __future__ import annotations

import codecs
import functools
import importlib
import importlib.util
import logging
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .errors import UserError

if TYPE_CHECKING:
    from mmengine.registry import Registry
    from torch import Tensor, nn

PACKAGE = Path(__file__).resolve().parent
#: How a name begins that means one of our configs.
OUR_CONFIGS = f'{PACKAGE.name}::'
#: What torch.distributed reads from the environment, and where each launcher puts it.
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


class _MissingExtension(ModuleType):
    """Stands for the compiled module ``mmcv._ext`` while ``mmcv.ops`` is being imported."""

    def __getattr__(self, name: str):
        if name.startswith('__'):
            raise AttributeError(name)

        def placeholder(*args, **kwargs):
            raise ImportError(
                f'mmcv.ops: {name} is a compiled operator, which mmcv-lite does not have; '
                "install full mmcv ('pip install mmcv>=2.0,<2.2' in place of mmcv-lite) to use it"
            )

        placeholder.__name__ = name
        return placeholder


def require_mmcv() -> None:
    """See that mmcv is installed, which no requirement of this package can name.

    Raises:
        UserError: If there is no mmcv of either kind. It is no ``ImportError``, whose text mmengine
            drops where a config imports a package.
    """
    if importlib.util.find_spec('mmcv') is None:
        raise UserError("masasr_mm needs mmcv-lite or full mmcv: pip install 'mmcv-lite>=2.0,<2.2'")


def provide_mmcv_ops() -> bool:
    """Let ``mmcv.ops`` be imported where its compiled operators are missing.

    ``mmagic.models`` (1.2.0) imports ``mmcv.ops`` for editors that MASA has nothing to do with.
    mmcv-lite (2.1.0) holds the Python part of that package but not the compiled one, and full
    mmcv has no ready-made build for recent torch. Here every compiled operator becomes a
    placeholder that says, when it is called, which package is needed. The stand-in is taken away
    again, so that ``mmcv._ext`` does not look installed afterwards.

    Returns:
        bool: Whether placeholders were put in; ``False`` where the real operators are there.
    """
    name = 'mmcv._ext'
    if 'mmcv.ops' in sys.modules or importlib.util.find_spec(name) is not None:
        return False
    sys.modules[name] = _MissingExtension(name)
    try:
        importlib.import_module('mmcv.ops')
    finally:
        del sys.modules[name]
    return True


def provide_mediapipe_face() -> bool:
    """Let ``mmagic.apis`` be imported beside a mediapipe without its old ``solutions``.

    ``mmagic.apis`` (1.2.0) imports controlnet_aux (0.0.10), whose face detector reads
    ``mediapipe.solutions`` as it is imported; mediapipe 1.0 no longer has that. The detector's
    module becomes a placeholder that says, when the detector is built, which package is needed.

    Returns:
        bool: Whether the placeholder was put in; ``False`` where it is not needed.
    """
    name = 'controlnet_aux.mediapipe_face'
    mediapipe = importlib.util.find_spec('mediapipe')
    if (
        name in sys.modules
        or mediapipe is None
        or importlib.util.find_spec('controlnet_aux') is None
    ):
        return False
    if any(
        (Path(place) / 'python' / 'solutions').is_dir()
        for place in mediapipe.submodule_search_locations
    ):
        return False

    class MediapipeFaceDetector:
        def __init__(self, *args, **kwargs) -> None:
            raise ImportError(
                "controlnet_aux's MediapipeFaceDetector needs an older mediapipe: "
                "pip install 'mediapipe<0.10.30'"
            )

    sys.modules[name] = ModuleType(name, 'Stands for a module that this mediapipe cannot serve.')
    sys.modules[name].MediapipeFaceDetector = MediapipeFaceDetector
    return True


def provide_numpy_bool8() -> bool:
    """Let mmagic be imported beside numpy 2.

    ``mmagic.utils`` (1.2.0) names ``numpy.bool8``, an alias of ``numpy.bool_`` that numpy 2 no
    longer has. Call this before mmagic is imported.

    Returns:
        bool: Whether the alias was put in; ``False`` with numpy 1, which has it.
    """
    import numpy as np

    if np.lib.NumpyVersion(np.__version__) < '2.0.0' or 'bool8' in vars(np):
        return False
    np.bool8 = np.bool_
    return True


def keep_albumentations_offline() -> None:
    """Keep albumentations from asking the package registry for news whenever it is imported.

    mmagic.datasets (1.2.0) imports albumentations (1.4), which then fetches its newest version
    number and advises an update to 2.0, with which mmagic does not work. Call this before mmagic
    is imported.
    """
    os.environ.setdefault('NO_ALBUMENTATIONS_UPDATE', '1')


def import_when_asked(registry: Registry, module: str) -> None:
    """Let a registry import a module before it first answers.

    mmengine's (0.10.7) ``Registry`` does this with its ``locations``, but takes them only when it
    is made. Where it keeps them in another way, or has imported them before, the module is imported
    here and now.

    Args:
        registry (Registry): Such as mmagic's ``MODELS``.
        module (str): Full name of the module.
    """
    locations = getattr(registry, '_locations', None)
    if isinstance(locations, list) and getattr(registry, '_imported', True) is False:
        locations.insert(0, module)
    else:
        importlib.import_module(module)


def ignore_import_warnings() -> None:
    """Keep quiet what mmagic's imports warn of and no user can change.

    diffusers (0.24), which ``mmagic.models`` (1.2.0) imports, calls a function of torch by a name
    that newer torch warns of, twice at each start of a program. Python 3.12 and later warn of
    backslashes in docstrings of mmagic when they compile them. Call this before mmagic is imported.
    """
    warnings.filterwarnings('ignore', '.*_register_pytree_node', FutureWarning)
    warnings.filterwarnings('ignore', 'invalid escape sequence', SyntaxWarning)


def concerns_the_user(record: logging.LogRecord) -> bool:
    """Tell whether a line of mmengine's log is of use to a user; a filter for log handlers.

    mmengine (0.10.7) warns of names of its own that it uses itself and will give up, and of metrics
    without a prefix, whose names in the log are shorter for that.

    Args:
        record (logging.LogRecord): The line.

    Returns:
        bool: ``False`` for such warnings.
    """
    text = record.getMessage()
    return 'deprecated in future' not in text and 'The prefix is not set in metric' not in text


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


def precision_switches() -> list[tuple[Callable[[], Any], Callable[[Any], None], Any]]:
    """Return the settings of torch that make products of float32 less exact.

    Torch 2.9 has one for each library and operation, and does not want them read by their older
    names once they were set; before, there are one for cuDNN and one for matrix products.

    Returns:
        list[tuple]: A function that reads the setting, one that changes it, and its exact value.
    """
    import torch

    if not hasattr(torch.backends.cudnn, 'conv'):
        return [
            (
                lambda: torch.backends.cudnn.allow_tf32,
                lambda value: setattr(torch.backends.cudnn, 'allow_tf32', value),
                False,
            ),
            (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, 'highest'),
        ]
    operations = (
        torch.backends.cudnn.conv,
        torch.backends.cuda.matmul,
        torch.backends.mkldnn.conv,
        torch.backends.mkldnn.matmul,
    )
    name = 'fp32_precision'
    return [
        (partial(getattr, operation, name), partial(setattr, operation, name), 'ieee')
        for operation in operations
    ]


def cpu_has_bfloat16_units() -> bool:
    """Tell whether this CPU multiplies bfloat16 itself, and torch knows how to.

    torch 2.14 imitates bfloat16 on all other CPUs, and tells only by functions of its own, which
    versions before 2.6 lack; then the answer is no.

    Returns:
        bool: Whether there are AVX-512 or AMX instructions for bfloat16.
    """
    import torch

    tests = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    return any(getattr(torch.cpu, name, lambda: False)() for name in tests)


def init_process_group_without_gpu(launcher: str) -> bool:
    """Set up ``torch.distributed`` with gloo where there is no accelerator.

    mmengine's (0.10.7) ``init_dist`` calls ``torch.cuda.set_device`` whatever the backend, which
    fails without a GPU; its Runner skips that step where a process group exists. Call this before
    the Runner is built. With a GPU (or another accelerator that mmengine sets up) nothing is done,
    and the config's backend is used.

    Args:
        launcher (str): ``none``, ``pytorch`` (torchrun), ``slurm`` or ``mpi``, as for the Runner.

    Returns:
        bool: Whether a process group was made.

    Raises:
        UserError: If the environment is not one that this launcher makes.
    """
    from mmengine.device import get_device
    from torch import distributed

    # Apple's mps has no backend of its own, so its processes use gloo, too.
    if launcher == 'none' or get_device() not in ('cpu', 'mps') or distributed.is_initialized():
        return False
    _set_torch_variables(launcher)
    distributed.init_process_group('gloo')
    return True


def _set_torch_variables(launcher: str) -> None:
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


def provide_configs_by_name() -> None:
    """Let mmengine find ``masasr_mm::masa_x4_cufed5.py`` where a config names it as its ``_base_``.

    mmengine (0.10.7) takes such names of OpenMMLab's own packages alone, wants a folder in them,
    and asks pkg_resources for the package, which setuptools no longer has. This is for
    ``mmengine.config``; :func:`provide_configs_in_hub` is for ``mmengine.hub``.
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
    """Let ``mmengine.hub.get_config`` find our configs by name (mmengine 0.10.7, as above)."""
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
