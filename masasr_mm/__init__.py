"""MASA-SR for OpenMMLab: importing this package registers its components with mmagic."""

from . import compat

compat.provide_mmcv_ops()
