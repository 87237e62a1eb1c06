"""Hooks, registered with mmagic on import."""

from .augmentation_timetable import AugmentationTimetableHook
from .metrics_table import MetricsTableHook
from .save_images import SaveImagesHook

__all__ = ['AugmentationTimetableHook', 'MetricsTableHook', 'SaveImagesHook']
