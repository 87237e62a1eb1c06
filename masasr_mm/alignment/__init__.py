"""Bringing references to the photo's frame before they are matched with it."""

from .alignment import Alignment, Part, align, align_all

__all__ = ['Alignment', 'Part', 'align', 'align_all']
