"""The network, its parts and the editor."""

from .adaptation import (
    AdaptiveInstanceNormalization,
    NoAdaptation,
    SpatialAdaptationModule,
    SpatiallyAdaptiveNormalization,
)
from .aggregation import DualResidualAggregationModule
from .encoder import MASAEncoder
from .masa_net import MASANet
from .matching import MatchExtractionModule

__all__ = [
    'AdaptiveInstanceNormalization',
    'DualResidualAggregationModule',
    'MASAEncoder',
    'MASANet',
    'MatchExtractionModule',
    'NoAdaptation',
    'SpatialAdaptationModule',
    'SpatiallyAdaptiveNormalization',
]
