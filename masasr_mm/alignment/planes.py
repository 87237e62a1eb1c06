"""Scenes of several planes: a homography for each, used where its matches are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..images.pixels import resize, spread
from ..models.agreement import local_agreement
from .homography import (
    INLIER_DISTANCE,
    is_plausible,
    most_explained,
    nearest_similarity,
    scale_and_angle,
)
from .refinement import displacements
from .warping import resizing, shift, transform_points, warp

MOST_PLANES = 4
LEAST_MATCHES = 16
"""That speak for a plane: of two hundred wrong ones, up to 9 do so by chance."""
LEAST_SIDE = 4  # LR pixels that the matches of a plane span
REFINEMENTS = 2  # by least squares of what is explained
BEYOND = 3
"""LR pixels around the hull of a plane's matches that belong to it."""
AROUND = 12
"""LR pixels around that where it is looked at."""
LEAST_AGREEMENT = 0.7
"""With the photo where a plane is used."""
AGREEMENT_SIGMA = 2.0
FINE_ENOUGH = 2.0  # pixels of the reference for one of the photo, where they are compared


class Plane(NamedTuple):
    """A map between images that holds where its matches are."""

    matrix: np.ndarray  # maps pixels of the reference to pixels of the SR frame
    photo: np.ndarray  # its matches (x, y) in the SR frame, (n, 2)
    ref: np.ndarray  # and in the reference

    def covers(self, frame: tuple[int, int]) -> float:
        """Return how much of the SR frame lies between its matches, in [0, 1]."""
        hull = cv2.convexHull(self.photo.astype(np.float32))
        return cv2.contourArea(hull) / (frame[0] * frame[1])


def find_planes(
    photo: np.ndarray, ref: np.ndarray, ref_size: tuple[int, int], scale: int
) -> list[Plane]:
    """Seek homographies among matches (x, y) in the SR frame and a reference, one after another."""
    planes = []
    for _ in range(2 * MOST_PLANES):
        if len(planes) == MOST_PLANES or len(photo) < LEAST_MATCHES:
            break
        matrix, inliers = most_explained(ref, photo, INLIER_DISTANCE * scale)
        for _ in range(REFINEMENTS):
            if matrix is None or inliers.sum() < LEAST_MATCHES:
                return planes
            matrix, _ = cv2.findHomography(ref[inliers], photo[inliers], 0)
            if matrix is not None:
                error = np.linalg.norm(transform_points(matrix, ref) - photo, axis=1)
                inliers = error < INLIER_DISTANCE * scale
        if matrix is None or inliers.sum() < LEAST_MATCHES:
            break
        plane = Plane(matrix, photo[inliers], ref[inliers])
        low, high = plane.photo.min(axis=0), plane.photo.max(axis=0)
        width, height = high - low + 1
        if min(width, height) >= LEAST_SIDE * scale and is_plausible(
            shift(-low) @ matrix, (height, width), ref_size
        ):
            planes.append(plane)
        photo, ref = photo[~inliers], ref[~inliers]
    return planes


def lay(
    lq: np.ndarray,
    ref: np.ndarray,
    planes: Sequence[Plane],
    scale: int,
    first_everywhere: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Decide by local agreement which plane each pixel of a photo (h, w, 3) shows.

    The first one may be taken everywhere that no other is. Returns the index of the plane, (h, w),
    -1 where none, and (x, y) in the reference, beside planes as the nearest has it, (h, w, 2).
    """
    factor, _ = scale_and_angle(nearest_similarity(planes[0].ref, planes[0].photo)[:2, :2])
    factor = min(1, FINE_ENOUGH * factor / scale)
    reduced = tuple(max(1, round(length * factor)) for length in ref.shape[:2])
    back = np.linalg.inv(resizing(ref.shape[:2], reduced))
    ref = resize(ref, *reduced[::-1])
    looked = [_look(lq, ref, plane._replace(matrix=plane.matrix @ back), scale) for plane in planes]
    agreements = np.stack([agreement for _, agreement in looked])
    nowhere = 0 if first_everywhere else -1
    shown = np.where(agreements.max(axis=0) >= LEAST_AGREEMENT, agreements.argmax(axis=0), nowhere)
    nearest = spread(shown, shown >= 0) if (shown >= 0).any() else shown
    places = np.stack([place for place, _ in looked])
    place = np.take_along_axis(places, nearest[None, ..., None].clip(0), axis=0)[0]
    return shown, transform_points(back, place)


def _look(
    lq: np.ndarray, ref: np.ndarray, plane: Plane, scale: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return where in the reference each LR pixel of a plane lies, and how well that agrees.

    (x, y), (h, w, 2), moved by optical flow from where the homography has it, and (h, w), -1 beside
    the plane.
    """
    size = lq.shape[:2]
    frame = tuple(length * scale for length in size)
    matrix = resizing(frame, size) @ plane.matrix
    hull = cv2.convexHull(((plane.photo + 0.5) / scale - 0.5).round().astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros(size, np.uint8), hull, 1)
    inside = cv2.dilate(inside, np.ones((2 * BEYOND + 1,) * 2, np.uint8)) > 0
    box, padding = [], []
    for axis, length in enumerate(size):
        [here] = np.nonzero(inside.any(axis=1 - axis))
        first, last = max(0, here[0] - AROUND), min(length, here[-1] + 1 + AROUND)
        box.append(slice(first, last))
        padding.append((first, length - last))
    part = lq[tuple(box)]
    there = shift(-np.array([box[1].start, box[0].start])) @ matrix
    moved = displacements(part, warp(ref, there, part.shape[:2]))
    agreement, contrast = local_agreement(part, warp(ref, there, part.shape[:2], moved))
    blurred = [
        cv2.GaussianBlur(values, (0, 0), AGREEMENT_SIGMA)
        for values in (agreement * contrast, contrast)
    ]
    agreement = np.pad(blurred[0] / np.maximum(blurred[1], 1e-3), padding, constant_values=-1)
    moved = np.pad(moved, (*padding, (0, 0)), mode='edge')
    place = np.stack(np.meshgrid(*(np.arange(length) for length in size[::-1])), axis=-1)
    place = transform_points(np.linalg.inv(matrix), place + moved)
    return place, np.where(inside, agreement, -1)
