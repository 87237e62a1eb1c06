"""Bringing references to the photo's frame before they are matched with it."""

from .align import METHODS, Alignment, Places, align, align_all
from .keypoints import KeyPointCache
from .learned import require_matchers
from .warping import Part, as_it_is

__all__ = [
    'METHODS',
    'Alignment',
    'KeyPointCache',
    'Part',
    'Places',
    'align',
    'align_all',
    'as_it_is',
    'require_matchers',
]
