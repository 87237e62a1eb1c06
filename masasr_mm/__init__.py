"""MASA-SR for OpenMMLab: importing this package registers its components with mmagic."""

from . import compat
from .version import __version__

compat.keep_albumentations_offline()
compat.provide_mmcv_ops()
compat.provide_mediapipe_face()
compat.allow_mmengine_checkpoints()

from . import apis, datasets, engine, evaluation, models, visualization  # noqa: E402

__all__ = ['__version__', 'apis', 'datasets', 'engine', 'evaluation', 'models', 'visualization']
