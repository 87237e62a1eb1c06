"""Training loops, registered with mmagic on import."""

from .resumable import ResumableTrainLoop, ValidationStopped

__all__ = ['ResumableTrainLoop', 'ValidationStopped']
