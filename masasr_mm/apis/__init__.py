"""Python interface: inference."""

from ..photos.inferencer import MASAInferencer

__all__ = ['MASAInferencer']
