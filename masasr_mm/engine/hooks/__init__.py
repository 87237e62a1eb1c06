"""Hooks, registered with mmagic on import."""

from .augmentation_timetable import AugmentationTimetableHook
from .match_visualization import MatchVisualizationHook
from .metrics_table import MetricsTableHook
from .per_image_metrics import PerImageMetricsHook
from .save_images import SaveImagesHook

__all__ = [
    'AugmentationTimetableHook',
    'MatchVisualizationHook',
    'MetricsTableHook',
    'PerImageMetricsHook',
    'SaveImagesHook',
]
