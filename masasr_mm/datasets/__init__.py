"""Reading RefSR data: importing this package registers all that takes part."""

from . import transforms
from .cufed import CUFEDDataset
from .cufed5 import CUFED5Dataset
from .lmdb_folder import LmdbFolderBackend
from .photo_patches import PhotoPatchDataset
from .refsr_dataset import RefSRDataset
from .sun80 import Sun80Dataset
from .urban100 import Urban100Dataset

__all__ = [
    'CUFED5Dataset',
    'CUFEDDataset',
    'LmdbFolderBackend',
    'PhotoPatchDataset',
    'RefSRDataset',
    'Sun80Dataset',
    'Urban100Dataset',
    'transforms',
]
