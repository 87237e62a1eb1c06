"""Reading RefSR data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=['transforms'],
    submod_attrs={
        'cufed': ['CUFEDDataset'],
        'cufed5': ['CUFED5Dataset'],
        'lmdb_folder': ['LmdbFolderBackend'],
        'photo_patches': ['PhotoPatchDataset'],
        'refsr_dataset': ['RefSRDataset'],
        'sun80': ['Sun80Dataset'],
        'urban100': ['Urban100Dataset'],
    },
)
