"""Pictures of what the network did, registered with mmagic on import."""

from .match_visualizer import MatchVisualizer
from .side_by_side import SideBySideVisualizer

__all__ = ['MatchVisualizer', 'SideBySideVisualizer']
