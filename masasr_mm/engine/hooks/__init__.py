"""Hooks."""

from .testing import MatchVisualizationHook, MetricsTableHook, PerImageMetricsHook, SaveImagesHook
from .training import BrokenDataHook, NonFiniteGuard, ProgressBarHook

__all__ = [
    'BrokenDataHook',
    'MatchVisualizationHook',
    'MetricsTableHook',
    'NonFiniteGuard',
    'PerImageMetricsHook',
    'ProgressBarHook',
    'SaveImagesHook',
]
