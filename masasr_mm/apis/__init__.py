"""Python interfaces: checkpoints, configs and inference."""

from .inferencer import MASAInferencer

__all__ = ['MASAInferencer']
