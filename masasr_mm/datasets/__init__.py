"""Reading RefSR data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=['transforms'],
    submod_attrs={
        'lmdb_folder': ['LmdbFolderBackend'],
        'refsr_datasets': [
            'CUFED5Dataset',
            'CUFEDDataset',
            'PhotoPatchDataset',
            'RefSRDataset',
            'Sun80Dataset',
            'Urban100Dataset',
        ],
    },
)
