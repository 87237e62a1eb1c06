"""Key points of the LR image and of a reference, and which of them belong together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

MOST_PIXELS = 800_000
"""Images are looked at with at most so many pixels: it bounds the time, and is more than most LR
images have once they are enlarged."""
MOST_KEY_POINTS = 4000
CONTRAST_THRESHOLD = 0.01  # a quarter of OpenCV's, as an enlarged LR image has little contrast
RATIO = 0.8  # Lowe's ratio test
TIE = 1e-5  # cosines that differ by less are equal, up to rounding


class KeyPoints(NamedTuple):
    """Key points of an image, in its pixels, whose centres are whole numbers."""

    position: np.ndarray  # (x, y), (n, 2), float32
    size: np.ndarray  # diameter, (n,), float32
    angle: np.ndarray  # in radians, counter-clockwise, (n,), float32
    descriptor: np.ndarray  # RootSIFT, of length 1, (n, 128), float32

    def take(self, index: np.ndarray) -> KeyPoints:
        """Return some of the key points, by their indices."""
        return KeyPoints(*(values[index] for values in self))


def detect(image: np.ndarray, enlarge: int = 1, most: int = MOST_KEY_POINTS) -> KeyPoints:
    """Find the key points with most contrast in an image (H, W, 3) by SIFT.

    It is enlarged by a factor before, unless it gets too large.
    """
    height, width = image.shape[:2]
    factor = min(enlarge, (MOST_PIXELS / (height * width)) ** 0.5)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    # A box filter is enough to reduce with: SIFT blurs more than it.
    kernel = Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.BOX
    grey = ImageOps.autocontrast(Image.fromarray(image).convert('L'), cutoff=1).resize(size, kernel)
    grey = np.asarray(grey)
    sift = cv2.SIFT_create(most, contrastThreshold=CONTRAST_THRESHOLD)
    found, descriptor = sift.detectAndCompute(grey, None)
    if descriptor is None:
        found, descriptor = (), np.zeros((0, 128), np.float32)
    position = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    if len(found) > most:  # SIFT keeps all that have the contrast of the last one
        order = np.argsort([-point.response for point in found], kind='stable')[:most]
        found, position, descriptor = [found[i] for i in order], position[order], descriptor[order]
    per_pixel = np.array([width / size[0], height / size[1]], np.float32)
    # The Euclidean distance of square roots is the Hellinger distance of the histograms.
    histogram = descriptor / np.maximum(descriptor.sum(axis=1, keepdims=True), 1e-7)
    return KeyPoints(
        (position + 0.5) * per_pixel - 0.5,
        np.array([point.size for point in found], np.float32) * per_pixel.mean(),
        -np.radians(np.array([point.angle for point in found], np.float32)),
        np.sqrt(histogram),
    )


class KeyPointCache:
    """What is known of references, while the same ones come."""

    def __init__(self) -> None:
        self._known: dict[tuple, dict] = {}

    def known(self, images: Sequence[np.ndarray]) -> list[dict]:
        """Return what is known of images (H, W, 3), to be added to; that of others is forgotten."""
        keys = [(i.shape, hashlib.blake2b(np.ascontiguousarray(i)).digest()) for i in images]
        self._known = {key: self._known.get(key, {}) for key in keys}
        return [self._known[key] for key in keys]


def match(first: KeyPoints, second: KeyPoints) -> np.ndarray:
    """Pair key points that are each the other's nearest, and far nearer than the next: (m, 2).

    Of key points that look alike, as in a repeated pattern, none is matched.
    """
    if min(len(first.position), len(second.position)) < 2:
        return np.zeros((0, 2), np.intp)
    cosine = first.descriptor @ second.descriptor.T
    rows, columns = np.arange(len(cosine)), cosine.argmax(axis=1)
    nearest = cosine.max(axis=0)
    alone = np.count_nonzero(cosine > nearest - TIE, axis=0) == 1
    best = cosine[rows, columns]
    mutual = (best == nearest[columns]) & alone[columns]
    cosine[rows, columns] = -1
    distance, next_distance = 1 - best, 1 - cosine.max(axis=1)
    kept = mutual & (distance + TIE < RATIO**2 * next_distance)
    return np.stack([rows[kept], columns[kept]], axis=1)
