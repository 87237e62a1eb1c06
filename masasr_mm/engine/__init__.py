"""Parts of the training and test engine, registered with mmagic on import."""

from . import hooks, loops, sample_stream, whole_files

__all__ = ['hooks', 'loops', 'sample_stream', 'whole_files']
