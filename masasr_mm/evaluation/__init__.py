"""Metrics, registered with mmagic on import, and what the analysis tools measure."""

from .lpips import LPIPS

__all__ = ['LPIPS']
