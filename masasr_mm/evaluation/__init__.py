"""Metrics."""

from .feature_distance import ALIKEDDistance, XFeatDistance
from .lpips import LPIPS

__all__ = ['ALIKEDDistance', 'LPIPS', 'XFeatDistance']
