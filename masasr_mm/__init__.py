"""MASA-SR for OpenMMLab: importing this package registers its components with mmagic."""

from . import compat

compat.provide_mmcv_ops()

from . import models  # noqa: E402, F401  (needs mmcv.ops to be importable)
from .version import __version__  # noqa: E402

__all__ = ['__version__']
