"""Pictures of what the network did."""

from .visualizers import MatchVisualizer, SideBySideVisualizer

__all__ = ['MatchVisualizer', 'SideBySideVisualizer']
