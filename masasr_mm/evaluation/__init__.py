"""Metrics and transforms, and what is told of weights and networks."""

from .lpips import LPIPS
from .reference_changes import ChangeReference

__all__ = ['LPIPS', 'ChangeReference']
