"""Hooks."""
# ruff: noqa: F401

from .testing import MatchVisualizationHook, MetricsTableHook, PerImageMetricsHook, SaveImagesHook
from .training import BrokenDataHook, NonFiniteGuard, ProgressBarHook
