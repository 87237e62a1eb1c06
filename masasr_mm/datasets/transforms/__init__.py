"""Transforms of RefSR items."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        'align_references': ['AlignReferences'],
        'delayed_transforms': ['DelayedTransforms', 'find_delayed_transforms'],
        'loading': ['LoadRGBImage'],
        'pad_to_multiple': ['PadToMultiple'],
        'random_color_change': ['RandomColorChange'],
        'random_rotation90': ['RandomRotation90'],
        'random_swap': ['RandomSwap'],
        'random_viewpoint': ['RandomViewpoint'],
        'round_to_uint8': ['RoundToUint8'],
        'stack_references': ['StackReferences'],
    },
)
