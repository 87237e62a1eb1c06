"""Transforms of RefSR items, registered with mmagic on import."""

from .decoding import decode_rgb
from .delayed_transforms import DelayedTransforms, find_delayed_transforms
from .loading import LoadRGBImage
from .pad_to_multiple import PadToMultiple
from .random_color_change import RandomColorChange
from .random_rotation90 import RandomRotation90
from .random_swap import RandomSwap
from .random_viewpoint import RandomViewpoint
from .stack_references import StackReferences

__all__ = [
    'DelayedTransforms',
    'LoadRGBImage',
    'PadToMultiple',
    'RandomColorChange',
    'RandomRotation90',
    'RandomSwap',
    'RandomViewpoint',
    'StackReferences',
    'decode_rgb',
    'find_delayed_transforms',
]
