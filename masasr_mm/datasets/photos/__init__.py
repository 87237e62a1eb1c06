"""Photographs that packages carry, as training patches; tools/dataset_converters/make_photos.py."""

from .new_folder import new_folder
from .packages import DEBIAN_PACKAGES, PackedImage, download, images_in_folder, scikit_image
from .patches import cut_patches
from .selection import NEVER_TRAINED_ON, Selection

__all__ = [
    'DEBIAN_PACKAGES',
    'NEVER_TRAINED_ON',
    'PackedImage',
    'Selection',
    'cut_patches',
    'download',
    'images_in_folder',
    'new_folder',
    'scikit_image',
]
