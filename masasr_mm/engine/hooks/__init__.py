"""Hooks, registered with mmagic on import."""

from .augmentation_timetable import AugmentationTimetableHook

__all__ = ['AugmentationTimetableHook']
