"""MASA-SR for OpenMMLab: importing this package registers its components with mmagic.

They are imported when one of mmagic's registries is first asked for something, so that importing
the package alone takes no time.
"""

import lazy_loader

from . import compat
from .registration import register_when_possible
from .version import __version__

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submodules=['apis', 'datasets', 'engine', 'evaluation', 'models', 'visualization'],
)
__all__ = ['__version__', 'apis', 'datasets', 'engine', 'evaluation', 'models', 'visualization']

compat.keep_albumentations_offline()
register_when_possible()
