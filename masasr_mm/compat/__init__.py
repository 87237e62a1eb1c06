"""Other people's version troubles, all of them here: each with its reason and its version.

Importing this imports none of the packages that it is about.
"""

from .configs_by_name import provide_configs_by_name, provide_configs_in_hub
from .launchers import LAUNCHER_VARIABLES, init_process_group_without_gpu
from .mmagic_imports import (
    ignore_import_warnings,
    keep_albumentations_offline,
    provide_mediapipe_face,
    provide_numpy_bool8,
)
from .mmcv import provide_mmcv_ops, require_mmcv
from .mmengine_log import concerns_the_user
from .mmengine_registry import import_when_asked
from .signal_stack import keep_signal_stack
from .torch_backends import cpu_has_bfloat16_units, precision_switches
from .training_checkpoints import allow_mmengine_checkpoints, load_weights_only, without_wrappers

__all__ = [
    'LAUNCHER_VARIABLES',
    'allow_mmengine_checkpoints',
    'concerns_the_user',
    'cpu_has_bfloat16_units',
    'ignore_import_warnings',
    'import_when_asked',
    'init_process_group_without_gpu',
    'keep_albumentations_offline',
    'keep_signal_stack',
    'load_weights_only',
    'precision_switches',
    'provide_configs_by_name',
    'provide_configs_in_hub',
    'provide_mediapipe_face',
    'provide_mmcv_ops',
    'provide_numpy_bool8',
    'require_mmcv',
    'without_wrappers',
]
