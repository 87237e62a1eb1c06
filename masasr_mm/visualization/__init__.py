"""Pictures of what the network did."""

from .match_visualizer import MatchVisualizer
from .side_by_side import SideBySideVisualizer

__all__ = ['MatchVisualizer', 'SideBySideVisualizer']
