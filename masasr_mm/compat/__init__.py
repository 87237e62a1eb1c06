"""Work-arounds for other packages, a file for each, with their reason and the version.

Importing this imports none of the packages that it is about.
"""
# ruff: noqa: F401

from .mmagic import (
    ignore_import_warnings,
    keep_albumentations_offline,
    provide_mediapipe_face,
    provide_numpy_bool8,
)
from .mmcv import provide_mmcv_ops, require_mmcv
from .mmengine import (
    LAUNCHER_VARIABLES,
    allow_mmengine_checkpoints,
    concerns_the_user,
    import_when_asked,
    import_without_transformers,
    init_process_group_without_gpu,
    provide_configs_by_name,
    provide_configs_in_hub,
    without_wrappers,
)
from .openvino import keep_signal_stack
from .torch import (
    cpu_has_bfloat16_units,
    exact_products,
    load_weights_only,
    precision_switches,
    with_repeated_border,
)
