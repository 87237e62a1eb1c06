"""Transforms of RefSR items."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        'augmentation': [
            'DelayedTransforms',
            'RandomColorChange',
            'RandomRotation90',
            'RandomSwap',
            'RandomViewpoint',
            'RoundToUint8',
        ],
        'loading': ['LoadPhoto', 'LoadRGBImage'],
        'references': [
            'AlignReferences',
            'ChangeReference',
            'PadToMultiple',
            'StackReferences',
        ],
    },
)
