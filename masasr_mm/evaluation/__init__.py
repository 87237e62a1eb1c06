"""Metrics and transforms, and what the analysis tools measure."""

from .lpips import LPIPS
from .reference_changes import ChangeReference

__all__ = ['LPIPS', 'ChangeReference']
