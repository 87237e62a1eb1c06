"""Bringing references to the photo's frame before they are matched with it."""

from .alignment import Alignment, align, align_all
from .parts import Part, as_it_is

__all__ = ['Alignment', 'Part', 'align', 'align_all', 'as_it_is']
