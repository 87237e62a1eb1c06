"""Parts of the training and test engine."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=['hooks', 'resume', 'runner', 'whole_files'],
)
