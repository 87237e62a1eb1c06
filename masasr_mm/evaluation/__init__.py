"""Metrics."""

from .metrics import LPIPS, ALIKEDDistance, XFeatDistance

__all__ = ['ALIKEDDistance', 'LPIPS', 'XFeatDistance']
