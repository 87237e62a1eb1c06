"""The images that a reference becomes, and where their pixels came from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .warping import transform_points, warp

SURROUNDINGS = 0.25
"""Of the whole reference so much is kept around the frame, in lengths of the frame."""


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
    ref: np.ndarray, similarity: np.ndarray, frame: tuple[int, int] | None
) -> tuple[Part, np.ndarray]:
    """Return a reference at another scale and angle, with no more than surrounds the frame.

    Args:
        ref (np.ndarray): The reference, shape (H, W, 3), uint8, RGB.
        similarity (np.ndarray): Maps its pixels to those of the frame, shape (3, 3).
        frame (tuple[int, int], optional): Height and width of the SR frame; None where it is not
            known, for all of the reference.

    Returns:
        tuple[Part, np.ndarray]: The part, and its image.
    """
    height, width = ref.shape[:2]
    corners = np.array([[x, y] for x in (-0.5, width - 0.5) for y in (-0.5, height - 0.5)])
    corners = transform_points(similarity, corners)
    low, high = corners.min(axis=0) + 0.5, corners.max(axis=0) + 0.5
    if frame is not None:
        extent = np.array(frame[::-1])
        # Whole steps from the corner, so that a turn by a quarter still takes whole pixels.
        beyond = np.floor(np.maximum(0, -SURROUNDINGS * extent - low))
        low = low + beyond
        high = np.minimum(high, (1 + SURROUNDINGS) * extent)
    size = tuple(np.maximum(1, np.round(high - low)).astype(int)[::-1].tolist())
    matrix = similarity.copy()
    matrix[:2, 2] -= low
    return Part(size, np.linalg.inv(matrix)), warp(ref, matrix, size)
