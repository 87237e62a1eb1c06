"""Parts of the training and test engine, registered with mmagic on import."""

from . import autocast_optim_wrapper, hooks, loops, sample_stream, whole_files

__all__ = ['autocast_optim_wrapper', 'hooks', 'loops', 'sample_stream', 'whole_files']
