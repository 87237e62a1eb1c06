"""The network, its parts and the editor."""

from .adaptation import (
    AdaptiveInstanceNormalization,
    NoAdaptation,
    SpatialAdaptationModule,
    SpatiallyAdaptiveNormalization,
)
from .aggregation import DualResidualAggregationModule
from .discriminator import MASADiscriminator
from .encoder import MASAEncoder
from .masa import MASA
from .masa_net import MASANet
from .matching import MatchExtractionModule

__all__ = [
    'AdaptiveInstanceNormalization',
    'DualResidualAggregationModule',
    'MASA',
    'MASADiscriminator',
    'MASAEncoder',
    'MASANet',
    'MatchExtractionModule',
    'NoAdaptation',
    'SpatialAdaptationModule',
    'SpatiallyAdaptiveNormalization',
]
