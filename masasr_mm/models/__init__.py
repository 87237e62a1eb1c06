"""The network, its parts and the editor."""

import lazy_loader

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

# These are made of mmagic's models, which take long to import.
__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submodules=['peers'],
    submod_attrs={
        'discriminator': ['MASADiscriminator'],
        'losses': ['FeatureLoss'],
        'masa': ['MASA'],
    },
)
__all__ = [
    'AdaptiveInstanceNormalization',
    'DualResidualAggregationModule',
    'FeatureLoss',
    'MASA',
    'MASADiscriminator',
    'MASAEncoder',
    'MASANet',
    'MatchExtractionModule',
    'NoAdaptation',
    'SpatialAdaptationModule',
    'SpatiallyAdaptiveNormalization',
]
