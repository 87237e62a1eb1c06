"""MASA-SR for OpenMMLab: importing this package registers its components with mmagic."""

from . import compat
from .version import __version__

compat.keep_albumentations_offline()
compat.provide_numpy_bool8()
compat.provide_mmcv_ops()
compat.provide_mediapipe_face()
compat.allow_mmengine_checkpoints()
compat.provide_configs_by_name()
compat.provide_configs_in_hub()

with compat.without_import_warnings():
    from . import apis, datasets, engine, evaluation, models, visualization

__all__ = ['__version__', 'apis', 'datasets', 'engine', 'evaluation', 'models', 'visualization']
