"""The homography that maps a reference onto the photo's frame, and whether it can be true."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .keypoints import KeyPoints
from .warping import jacobians, seen, stretches

INLIER_DISTANCE = 0.75  # pixels of the LR image
ITERATIONS = 10_000
LEAST_MATCHES = 8
LEAST_FOR_HOMOGRAPHY = 16  # with fewer, its eight numbers follow the errors of the matches
LEAST_SPREAD = 2 * INLIER_DISTANCE  # pixels of the LR image; nearer matches give no scale
MOST_STRETCH = 8.0
LEAST_OVERLAP = 0.1
MOST_ANGLE, MOST_SIZE_RATIO = np.radians(30), 1.6


class Fit(NamedTuple):
    """A map between images, and how many matches speak for it."""

    matrix: np.ndarray  # maps pixels of the reference to pixels of the SR frame
    similarity: np.ndarray  # the scale, turn and shift nearest to it where the matches are
    matches: int  # that it explains


def estimate(
    photo: KeyPoints, ref: KeyPoints, size: tuple[int, int], ref_size: tuple[int, int], scale: int
) -> tuple[Fit | None, int]:
    """Estimate a homography, or where matches are few a similarity, that is plausible.

    Key points are matched one by one, those of the photo in pixels of the SR frame. None if nothing
    plausible explains them; and how many of them the best attempt explained.
    """
    most = 0
    matched = ref.position, photo.position, INLIER_DISTANCE * scale
    for similar, least in ((False, LEAST_FOR_HOMOGRAPHY), (True, LEAST_MATCHES)):
        if len(photo.position) < least:
            continue
        matrix, inliers = most_explained(*matched, similar)
        if matrix is None or not is_plausible(matrix, size, ref_size):
            continue
        inliers &= _agrees(matrix, photo, ref)
        matches = int(inliers.sum())
        most = max(most, matches)
        spread = photo.position[inliers].std(axis=0).max() if matches else 0.0
        if matches >= least and spread > LEAST_SPREAD * scale:
            similarity = nearest_similarity(ref.position[inliers], photo.position[inliers])
            return Fit(matrix, similarity, matches), matches
    return None, most


def is_plausible(matrix: np.ndarray, size: tuple[int, int], ref_size: tuple[int, int]) -> bool:
    """Return whether a camera can have taken both images: no mirror, no fold, no absurd scale.

    The reference must also show a tenth of the frame at least.
    """
    if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > 1e12:
        return False
    back = np.linalg.inv(matrix)
    y, x = (np.array([0, length - 1]) for length in size)
    corners = np.stack([*np.meshgrid(x, y), np.ones((2, 2))], axis=-1)
    depth = corners @ back[2]
    # The determinant of the Jacobian has the sign of det / depth³.
    if depth.min() * depth.max() <= 0 or np.linalg.det(back) * depth.min() <= 0:
        return False
    stretch = stretches(back, size)
    # A reference of many megapixels may be seen whole in half of the frame.
    if (
        stretch.max() > max(MOST_STRETCH, 2 * max(ref_size) / max(size))
        or stretch.min() < 1 / MOST_STRETCH
    ):
        return False
    return seen(ref_size, matrix, size) >= LEAST_OVERLAP


def most_explained(
    ref: np.ndarray, photo: np.ndarray, distance: float, similar: bool = False
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return a homography (MAGSAC++) or similarity (RANSAC), and which matches it explains."""
    options = dict(ransacReprojThreshold=distance, maxIters=ITERATIONS, confidence=0.9999)
    if similar:
        matrix, inliers = cv2.estimateAffinePartial2D(ref, photo, method=cv2.RANSAC, **options)
        matrix = None if matrix is None else np.vstack([matrix, [0, 0, 1]])
    else:
        matrix, inliers = cv2.findHomography(ref, photo, cv2.USAC_MAGSAC, **options)
    return matrix, np.zeros(len(ref), bool) if inliers is None else inliers.ravel().astype(bool)


def nearest_similarity(ref: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Return the similarity with the least squared error, by complex numbers: photo = a·ref + b."""
    ref, photo = (points @ np.array([1, 1j]) for points in (ref, photo))
    about = ref - ref.mean()
    a = (about.conj() @ photo) / (about.conj() @ about).real
    b = photo.mean() - a * ref.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag], [0, 0, 1]])


def _agrees(matrix: np.ndarray, photo: KeyPoints, ref: KeyPoints) -> np.ndarray:
    """Tell which matched key points differ in size and direction as the map says.

    Chance puts some key points near each other, but seldom of the same size and direction.
    """
    factors, angles = scale_and_angle(jacobians(matrix, ref.position))
    turned = photo.angle - ref.angle - angles
    turned = np.abs((turned + np.pi) % (2 * np.pi) - np.pi)
    ratio = np.abs(np.log(photo.size / (ref.size * factors)))
    return (turned < MOST_ANGLE) & (ratio < np.log(MOST_SIZE_RATIO))


def scale_and_angle(jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many times Jacobians (..., 2, 2) enlarge, and turn, as the nearest similarity.

    The angle is in radians, counter-clockwise as one sees it, where y points down.
    """
    cosine = jacobian[..., 0, 0] + jacobian[..., 1, 1]
    sine = jacobian[..., 0, 1] - jacobian[..., 1, 0]
    factor = np.sqrt(np.abs(np.linalg.det(jacobian)))
    return factor, np.arctan2(sine, cosine)
