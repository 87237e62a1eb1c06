"""Work-arounds for Pillow (12)."""

from __future__ import annotations

import threading

from PIL import Image


class _AnySize:
    """Lifts Pillow's limit of pixels, which is one for all threads, while any of them is inside.

    Made for servers, it refuses photos of 179 megapixels, which phones take, and warns of 90.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._limit = threading.Lock(), 0, None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                Image.MAX_IMAGE_PIXELS = self._limit


any_size = _AnySize()
