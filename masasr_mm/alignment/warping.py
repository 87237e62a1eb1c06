"""Warping without aliasing, and coordinates through a warp."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image

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
    """Map points through a homography.

    Args:
        matrix (np.ndarray): Shape (3, 3).
        points (np.ndarray): (x, y), shape (..., 2).

    Returns:
        np.ndarray: (x, y), shape (..., 2), float64.
    """
    mapped = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def resizing(size: tuple[int, int], new_size: tuple[int, int]) -> np.ndarray:
    """Return the matrix that maps the pixels of an image to those of the resized one.

    Args:
        size (tuple[int, int]): Height and width.
        new_size (tuple[int, int]): Height and width after resizing.

    Returns:
        np.ndarray: Shape (3, 3); pixel centres are whole numbers.
    """
    (y, x) = (new / old for new, old in zip(new_size, size))
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def stretches(matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Measure how far apart neighbouring pixels of a frame are where they come from.

    Args:
        matrix (np.ndarray): Maps pixels of the frame to pixels of the source, shape (3, 3).
        size (tuple[int, int]): Height and width of the frame.

    Returns:
        np.ndarray: The largest and the smallest stretch (singular values of the Jacobian) at 5×5
        places of the frame, shape (25, 2).
    """
    y, x = (np.linspace(0, length - 1, 5) for length in size)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    columns = [
        transform_points(matrix, places + step) - transform_points(matrix, places - step)
        for step in ((0.5, 0.0), (0.0, 0.5))
    ]
    return np.linalg.svd(np.stack(columns, axis=-1), compute_uv=False)


def turning(factor: float, angle: float) -> np.ndarray:
    """Return a similarity about the first pixel.

    Args:
        factor (float): How much it enlarges.
        angle (float): How far it turns, in radians, counter-clockwise as one sees it.

    Returns:
        np.ndarray: Shape (3, 3).
    """
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    return np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1.0]])


def warp(
    image: np.ndarray,
    matrix: np.ndarray,
    size: tuple[int, int],
    moved: np.ndarray | None = None,
) -> np.ndarray:
    """Warp an image without aliasing: by Lanczos' kernel, from and through enough samples.

    What the warp reduces everywhere is reduced beforehand, with antialiasing; what it
    reduces in some places alone is sampled more often, then reduced. Beyond its border the image
    is repeated.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8.
        matrix (np.ndarray): Maps pixels of the image to pixels of the result, shape (3, 3).
        size (tuple[int, int]): Height and width of the result.
        moved (np.ndarray, optional): (x, y), in pixels of the result, to add to its places before
            they are looked up, shape (h, w, 2), enlarged to ``size``. Default: None.

    Returns:
        np.ndarray: Shape (*size, 3), uint8.

    Raises:
        MemoryError: If there is less memory than it takes.
    """
    if 3 * math.prod(size) + WORKING_MEMORY > free_memory(torch.device('cpu')):
        raise MemoryError(f'no memory to warp a reference to {size[1]}×{size[0]}')
    height, width = image.shape[:2]
    stretch = stretches(np.linalg.inv(matrix), size)
    everywhere = max(1.0, float(stretch.min()))
    reduced = tuple(max(1, round(length / everywhere)) for length in (height, width))
    if reduced != (height, width):
        image = resize(image, reduced, Image.Resampling.LANCZOS)
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


def resize(
    image: np.ndarray,
    size: tuple[int, int],
    kernel: Image.Resampling = Image.Resampling.BICUBIC,
) -> np.ndarray:
    """Resize an image with one of Pillow's kernels, which antialias.

    Args:
        image (np.ndarray): Shape (H, W, 3), uint8.
        size (tuple[int, int]): Height and width.
        kernel (PIL.Image.Resampling): Default: bicubic, as LR images are made.

    Returns:
        np.ndarray: Shape (*size, 3), uint8.
    """
    resized = Image.fromarray(image).resize(size[::-1], kernel)
    return np.asarray(resized)


def seen(ref_size: tuple[int, int], matrix: np.ndarray, size: tuple[int, int]) -> float:
    """Tell how much of a frame an image shows, by 200×200 of its places.

    Args:
        ref_size (tuple[int, int]): Height and width of the image.
        matrix (np.ndarray): Maps pixels of the image to pixels of the frame, shape (3, 3).
        size (tuple[int, int]): Height and width of the frame.

    Returns:
        float: In [0, 1].
    """
    y, x = ((np.arange(200) + 0.5) / 200 * length - 0.5 for length in size)
    places = np.stack(np.meshgrid(x, y), axis=-1)
    return float(inside(transform_points(np.linalg.inv(matrix), places), ref_size).mean())


def inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Tell which points lie on an image.

    Args:
        points (np.ndarray): (x, y), shape (..., 2).
        size (tuple[int, int]): Height and width of the image.

    Returns:
        np.ndarray: Shape (...), bool.
    """
    x, y = np.moveaxis(points, -1, 0)
    return (x > -0.5) & (y > -0.5) & (x < size[1] - 0.5) & (y < size[0] - 0.5)


class Part(NamedTuple):
    """One of the images that a reference becomes, and where its pixels came from.

    Attributes:
        size (tuple[int, int]): Height and width.
        matrix (np.ndarray): Maps its pixels to those of the reference, shape (3, 3).
        moved (np.ndarray | None): (x, y) that is added before, for every scale×scale pixels, in
            pixels of the part, shape (h, w, 2).
    """

    size: tuple[int, int]
    matrix: np.ndarray
    moved: np.ndarray | None = None

    def trace(self, points: np.ndarray) -> np.ndarray:
        """Tell where in the reference points came from.

        Args:
            points (np.ndarray): (x, y) in pixels of the part, shape (..., 2).

        Returns:
            np.ndarray: (x, y) in pixels of the reference, shape (..., 2).
        """
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
    """Return a reference warped onto the SR frame, and up to an LR pixel beyond.

    Args:
        ref (np.ndarray): The reference, shape (H, W, 3), uint8, RGB.
        matrix (np.ndarray): Maps its pixels to those of the SR frame, shape (3, 3).
        size (tuple[int, int]): Height and width of the SR frame.
        moved (np.ndarray): (x, y) to add to places in the frame, for every LR pixel, in pixels of
            the frame, shape (h, w, 2).

    Returns:
        tuple[Part, np.ndarray]: The part, and its image.
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

    Args:
        ref (np.ndarray): The reference, shape (H, W, 3), uint8, RGB.
        similarity (np.ndarray): Maps its pixels to those of the frame, shape (3, 3).
        frame (tuple[int, int], optional): Height and width of the SR frame; None where it is not
            known, for all of the reference.
        scale (int): Pixels of an LR pixel, of which the part has an even number.

    Returns:
        tuple[Part, np.ndarray]: The part, and its image.
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
