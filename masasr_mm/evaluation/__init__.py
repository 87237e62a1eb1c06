"""Metrics and transforms, and what is told of weights and networks."""

from .feature_distance import ALIKEDDistance, XFeatDistance
from .lpips import LPIPS
from .reference_changes import ChangeReference

__all__ = ['ALIKEDDistance', 'ChangeReference', 'LPIPS', 'XFeatDistance']
