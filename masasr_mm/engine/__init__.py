"""Parts of the training and test engine, registered with mmagic on import."""

from . import hooks

__all__ = ['hooks']
