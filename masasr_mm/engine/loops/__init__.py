"""Training loops."""

from .resumable import ResumableTrainLoop, ValidationStopped

__all__ = ['ResumableTrainLoop', 'ValidationStopped']
