"""Hooks."""

from .broken_data import BrokenDataHook
from .match_visualization import MatchVisualizationHook
from .metrics_table import MetricsTableHook
from .non_finite_guard import NonFiniteGuard
from .per_image_metrics import PerImageMetricsHook
from .progress_bar import ProgressBarHook
from .resumable_ema import ResumableEMAHook
from .save_images import SaveImagesHook
from .stop_on_signal import StopOnSignalHook
from .whole_checkpoint import WholeCheckpointHook

__all__ = [
    'BrokenDataHook',
    'MatchVisualizationHook',
    'MetricsTableHook',
    'NonFiniteGuard',
    'PerImageMetricsHook',
    'ProgressBarHook',
    'ResumableEMAHook',
    'SaveImagesHook',
    'StopOnSignalHook',
    'WholeCheckpointHook',
]
