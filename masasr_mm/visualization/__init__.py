"""Pictures of what the network did, registered with mmagic on import."""

from .side_by_side import SideBySideVisualizer

__all__ = ['SideBySideVisualizer']
