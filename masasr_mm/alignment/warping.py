"""Warping without aliasing, and coordinates through a warp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image

from ..images.pixels import resize
from ..system import free_memory

MOST_OVERSAMPLING = 4
ROWS_AT_ONCE, COLUMNS_AT_ONCE = 256, 2048
"""Of what is sampled at once: OpenCV takes no side of 32767 pixels, and memory stays bounded."""
WORKING_MEMORY = 2**28
"""Bytes that are taken besides the images."""
KERNEL = 8  # pixels of an image around a place, more than Lanczos' kernel takes
REDUCING_KERNEL = 3  # pixels of the result, in each direction, that Pillow's kernel takes from
SURROUNDINGS = 0.25
"""Of the whole reference so much is kept around the frame, in lengths of the frame."""
MARGIN = 0.1
"""A place may be reduced by so much more than the sampling allows; the kernel takes that."""


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points (x, y), shape (..., 2), through a homography (3, 3)."""
    mapped = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def resizing(size: tuple[int, int], new_size: tuple[int, int]) -> np.ndarray:
    """Return the matrix that maps the pixels of an image to those of the resized one."""
    (y, x) = (new / old for new, old in zip(new_size, size))
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def stretches(matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the largest and smallest stretch of a map at 5×5 places of a frame, (25, 2)."""
    y, x = (np.linspace(0, length - 1, 5) for length in size)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.linalg.svd(jacobians(matrix, places), compute_uv=False)


def jacobians(matrix: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the Jacobians of a homography at some places (x, y), shape (n, 2, 2)."""
    columns = [
        transform_points(matrix, places + step) - transform_points(matrix, places - step)
        for step in ((0.5, 0.0), (0.0, 0.5))
    ]
    return np.stack(columns, axis=-1)


def turning(factor: float, angle: float) -> np.ndarray:
    """Return a similarity about the first pixel; angles are in radians, counter-clockwise."""
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    return np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1.0]])


def shift(step: Sequence[float]) -> np.ndarray:
    """Return the matrix that moves by a step (x, y)."""
    return np.array([[1, 0, step[0]], [0, 1, step[1]], [0, 0, 1.0]])


def warp(
    image: np.ndarray,
    matrix: np.ndarray,
    size: tuple[int, int],
    moved: np.ndarray | None = None,
) -> np.ndarray:
    """Warp an image (H, W, 3) without aliasing: by Lanczos' kernel, with enough samples.

    What the warp reduces everywhere is reduced beforehand, with antialiasing; what it reduces in
    some places alone is sampled more often, then reduced. Beyond its border the image is repeated.
    ``moved``, (x, y) in pixels of the result (h, w, 2), is enlarged to ``size`` and added to its
    places before they are looked up. MemoryError where there is less memory than this takes.
    """
    if 3 * math.prod(size) + WORKING_MEMORY > free_memory(torch.device('cpu')):
        raise MemoryError(f'no memory to warp a reference to {size[1]}×{size[0]}')
    height, width = image.shape[:2]
    stretch = stretches(np.linalg.inv(matrix), size)
    everywhere = max(1.0, float(stretch.min()))
    reduced = tuple(max(1, round(length / everywhere)) for length in (height, width))
    if reduced != (height, width):
        image = resize(image, *reduced[::-1], Image.Resampling.LANCZOS)
        matrix = matrix @ np.linalg.inv(resizing((height, width), reduced))
    samples = int(np.ceil(np.quantile(stretch, 0.9) / everywhere - MARGIN))
    samples = min(max(1, samples), MOST_OVERSAMPLING)
    sampled = (size[0] * samples, size[1] * samples)
    back = np.linalg.inv(resizing(size, sampled) @ matrix)
    moved = None if moved is None else moved.astype(np.float32) * samples
    beyond = REDUCING_KERNEL * samples if samples > 1 else 0
    warped = np.empty((*size, 3), np.uint8)
    for top in range(0, size[0], ROWS_AT_ONCE // samples):
        bottom = min(top + ROWS_AT_ONCE // samples, size[0])
        first, last = max(0, top * samples - beyond), min(sampled[0], bottom * samples + beyond)
        rows = _sample(image, back, slice(first, last), sampled, moved)
        if samples > 1:
            box = (0, top * samples - first, sampled[1], bottom * samples - first)
            picture = Image.fromarray(rows)
            rows = picture.resize((size[1], bottom - top), Image.Resampling.LANCZOS, box)
        warped[top:bottom] = rows
    return warped


def _sample(
    image: np.ndarray,
    back: np.ndarray,
    rows: slice,
    size: tuple[int, int],
    moved: np.ndarray | None,
) -> np.ndarray:
    """Look up rows of a frame, (rows, size[1], 3), in an image, which ``back`` maps them to."""
    sampled = np.empty((rows.stop - rows.start, size[1], 3), np.uint8)
    for left in range(0, size[1], COLUMNS_AT_ONCE):
        columns = slice(left, min(left + COLUMNS_AT_ONCE, size[1]))
        x, y = np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)
        places = np.stack(np.meshgrid(x, y), axis=-1)
        if moved is not None:
            places = places + _enlarged(moved, rows, columns, size)
        places = transform_points(back, places)
        # Only what is looked at, so that no side is too long for OpenCV.
        last = np.array(image.shape[1::-1]) - 1
        low = np.floor(places.min(axis=(0, 1))).clip(0, last).astype(int)
        high = np.ceil(places.max(axis=(0, 1))).clip(0, last).astype(int)
        (left_edge, top_edge), (right_edge, bottom_edge) = (low - KERNEL).clip(0), high + KERNEL + 1
        sampled[:, columns] = cv2.remap(
            image[top_edge:bottom_edge, left_edge:right_edge],
            (places - (left_edge, top_edge)).astype(np.float32),
            None,
            cv2.INTER_LANCZOS4,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return sampled


def _enlarged(moved: np.ndarray, rows: slice, columns: slice, size: tuple[int, int]) -> np.ndarray:
    """Return part of displacements, (h, w, 2) float32, enlarged to a frame bilinearly."""
    (y, x) = (have / new for have, new in zip(moved.shape, size))
    box = (columns.start * x, rows.start * y, columns.stop * x, rows.stop * y)
    part = (columns.stop - columns.start, rows.stop - rows.start)
    return np.stack(
        [
            Image.fromarray(np.ascontiguousarray(axis)).resize(part, Image.Resampling.BILINEAR, box)
            for axis in np.moveaxis(moved, -1, 0)
        ],
        axis=-1,
    )


def seen(ref_size: tuple[int, int], matrix: np.ndarray, size: tuple[int, int]) -> float:
    """Return how much of a frame an image shows, in [0, 1], by 200×200 of its places."""
    y, x = ((np.arange(200) + 0.5) / 200 * length - 0.5 for length in size)
    places = np.stack(np.meshgrid(x, y), axis=-1)
    return float(inside(transform_points(np.linalg.inv(matrix), places), ref_size).mean())


def inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return which points (x, y) lie on an image."""
    x, y = np.moveaxis(points, -1, 0)
    return (x > -0.5) & (y > -0.5) & (x < size[1] - 0.5) & (y < size[0] - 0.5)


class Part(NamedTuple):
    """One of the images that a reference becomes, and where its pixels came from."""

    size: tuple[int, int]
    matrix: np.ndarray  # maps its pixels to those of the reference
    moved: np.ndarray | None = None  # (x, y) added before, for scale×scale pixels each, (h, w, 2)

    def trace(self, points: np.ndarray) -> np.ndarray:
        """Return where in the reference points (x, y) of the part came from, shape (..., 2)."""
        if self.moved is not None:
            cell = self.size[0] // self.moved.shape[0]
            x, y = np.moveaxis((np.asarray(points) // cell).astype(int), -1, 0)
            height, width = self.moved.shape[:2]
            points = points + self.moved[y.clip(0, height - 1), x.clip(0, width - 1)]
        return transform_points(self.matrix, points)


def as_it_is(ref: np.ndarray) -> Part:
    """Return the part that is all of a reference (H, W, 3), unchanged."""
    return Part(ref.shape[:2], np.eye(3))


def frame_part(
    ref: np.ndarray, matrix: np.ndarray, size: tuple[int, int], moved: np.ndarray
) -> tuple[Part, np.ndarray]:
    """Return a reference (H, W, 3) warped onto the SR frame, and up to an LR pixel beyond.

    ``moved``, (x, y) in pixels of the frame for every LR pixel (h, w, 2), is added to its places.
    """
    scale = size[0] // moved.shape[0]
    # An even number of LR pixels: they stay whole where StackReferences puts the part in the
    # middle of a larger place, and MASA takes no less of them.
    moved = np.pad(moved, (*((0, length % 2) for length in moved.shape[:2]), (0, 0)), mode='edge')
    size = (moved.shape[0] * scale, moved.shape[1] * scale)
    return Part(size, np.linalg.inv(matrix), moved), warp(ref, matrix, size, moved)


def whole_part(
    ref: np.ndarray, similarity: np.ndarray, frame: tuple[int, int] | None, scale: int
) -> tuple[Part, np.ndarray]:
    """Return a reference at another scale and angle, with no more than surrounds the frame.

    All of it where the frame is None; of its ``scale``×``scale`` pixels it has an even number.
    """
    height, width = ref.shape[:2]
    corners = np.array([[x, y] for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    corners = transform_points(similarity, corners)
    low, high = corners.min(axis=0) + 0.5, corners.max(axis=0) + 0.5
    if frame is not None:
        extent = np.array(frame[::-1])
        # Whole LR pixels from the corner, which stay those that they are in all of the reference.
        beyond = np.maximum(0, -SURROUNDINGS * extent - low) // scale * scale
        low = low + beyond
        high = np.minimum(high, (1 + SURROUNDINGS) * extent)
    even = 2 * scale
    length = np.maximum(1, np.round(high - low)).astype(int)
    size = tuple((-(-length // even) * even)[::-1].tolist())
    matrix = similarity.copy()
    matrix[:2, 2] -= low
    return Part(size, np.linalg.inv(matrix)), warp(ref, matrix, size)
