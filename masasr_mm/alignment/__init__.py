"""Bringing references to the photo's frame before they are matched with it."""

from .align import Alignment, align, align_all
from .keypoints import KeyPointCache
from .places import Places
from .warping import Part, as_it_is

__all__ = ['Alignment', 'KeyPointCache', 'Part', 'Places', 'align', 'align_all', 'as_it_is']
