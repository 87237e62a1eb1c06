"""Python interfaces: inference, and configs."""

from .inferencer import MASAInferencer

__all__ = ['MASAInferencer']
