"""Work-arounds for Pillow (12)."""

from __future__ import annotations

import threading

from PIL import Image

LARGEST = 2**28
"""Pillow warns of more pixels, and refuses twice as many: small files may claim any number."""


class _LargePhotos:
    """Raises Pillow's limit of pixels, which is one for all threads, while any of them is inside.

    Its own refuses photos of 179 megapixels, which phones take, and warns of 90.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._limit = threading.Lock(), 0, None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, LARGEST
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                Image.MAX_IMAGE_PIXELS = self._limit


large_photos = _LargePhotos()
