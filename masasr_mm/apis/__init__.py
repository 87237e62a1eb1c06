"""Python interface: inference, and finding references."""

from ..photos.album import FoundReference, find_references
from ..photos.inferencer import MASAInferencer

__all__ = ['FoundReference', 'MASAInferencer', 'find_references']
