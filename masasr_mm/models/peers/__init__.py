"""The networks that the paper compares MASA with (Tables 1 and 2)."""

import lazy_loader

# All are made of mmagic's models, which take long to import.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        'crossnet': ['CrossNet'],
        'editor': ['PeerEditor'],
        'enet': ['ENetGenerator'],
        'mdsr': ['MDSRNet'],
        'network': ['PeerNetwork'],
        'srntt': ['SRNTT'],
        'ttsr': ['TTSRNetwork'],
        'wrappers': ['FromBicubic', 'SingleImageNetwork', 'super_image_network'],
    },
)
