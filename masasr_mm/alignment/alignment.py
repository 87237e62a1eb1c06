"""Aligning a reference with a photo: what is stacked for the network, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from . import homography, keypoints
from .keypoints import KeyPoints
from .parts import Part, as_it_is, frame_part, whole_part
from .refinement import displacements
from .scale_and_turn import choose, is_too_coarse
from .warping import transform_points, turning, warp

SAME_SCALE, SAME_ANGLE = 1.03, math.radians(2)
"""What differs less than this is left as it is; MEM finds it, and no pixel is interpolated."""

NEAR_SCALE, NEAR_ANGLE = 1.2, math.radians(10)
"""From where on key points are looked for a second time."""


class Alignment(NamedTuple):
    """What was done with one reference.

    Attributes:
        parts (tuple[Part, ...]): The images that it became.
        matches (int): Key points that speak for it, or the few that would.
        factor (float): How many times the reference is enlarged.
        angle (float): How far it is turned, in degrees, counter-clockwise.
        by (str): What told scale and angle: ``'key points'`` or ``'patches'`` (MEM). The reference
            is left as it is where ``'nothing'`` did, or where it is ``'too coarse'``, hardly finer
            than the photo, or where alignment ``'failed'``.
        problem (str): Why it failed.
    """

    parts: tuple[Part, ...]
    matches: int
    factor: float = 1.0
    angle: float = 0.0
    by: str = 'nothing'
    problem: str = ''

    @property
    def shows_the_scene(self) -> bool:
        """Whether key points are in both, however little of the photo the reference shows."""
        return self.by in ('key points', 'too coarse')

    def in_words(self) -> str:
        """Say what was done.

        Returns:
            str: Such as ``aligned: reference ×0.40, turned 90°, 86 matches``.
        """
        matches = f'{self.matches} match{"" if self.matches == 1 else "es"}'
        if self.by == 'nothing':
            return f'not aligned: {matches}'
        if self.by == 'failed':
            return f'reference not aligned: {self.problem}'
        if self.by == 'too coarse':
            return f'not aligned: hardly finer than the photo, {matches}'
        turned = f', turned {round(self.angle)}°' if round(self.angle) else ''
        done = 'aligned' if self.by == 'key points' else 'brought to size by patches'
        return f'{done}: reference ×{self.factor:.2f}{turned}, {matches}'


def align(lq: np.ndarray, ref: np.ndarray, scale: int) -> tuple[Alignment, list[np.ndarray]]:
    """Bring a reference of any size and angle to the photo's frame.

    It becomes two images: the part that shows what the photo shows, warped onto the SR frame, and
    the whole at the frame's scale and angle, so that nothing is lost where the warp is wrong. If
    key points do not tell how, MEM chooses a scale and a quarter turn, and the reference so
    changed is added to the reference as it is. If that is not clear either, or if the reference
    shows hardly more detail than the photo, or if OpenCV fails, it is left alone.

    Args:
        lq (np.ndarray): LR image, shape (h, w, 3), uint8, RGB.
        ref (np.ndarray): The reference, shape (H, W, 3), uint8, RGB.
        scale (int): The scale of the super-resolution.

    Returns:
        tuple[Alignment, list[np.ndarray]]: What was done, and its parts as images, uint8, RGB.
    """
    try:
        return _align(lq, ref, scale)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(error.err) from error
        problem = f'OpenCV fails with {" ".join(error.err.split())}'
        done = Alignment((as_it_is(ref),), 0, by='failed', problem=problem)
        return done, [ref]


def _align(lq: np.ndarray, ref: np.ndarray, scale: int) -> tuple[Alignment, list[np.ndarray]]:
    size = tuple(length * scale for length in lq.shape[:2])
    fit, matches = _fit(lq, ref, scale)
    if fit is not None:
        factor, angle = homography.scale_and_angle(fit.similarity)
        if is_too_coarse(factor, scale):
            coarse = (matches, factor, math.degrees(angle), 'too coarse')
            return Alignment((as_it_is(ref),), *coarse), [ref]
        return _aligned(lq, ref, fit, size)
    chosen = choose(lq, ref, scale)
    if chosen is None:
        return Alignment((as_it_is(ref),), matches), [ref]
    angle = chosen.turns * math.pi / 2
    part, image = whole_part(ref, turning(chosen.factor, angle), None)
    degrees = (math.degrees(angle) + 180) % 360 - 180
    done = Alignment((part, as_it_is(ref)), matches, chosen.factor, degrees, 'patches')
    return done, [image, ref]


def _fit(lq: np.ndarray, ref: np.ndarray, scale: int) -> tuple[homography.Fit | None, int]:
    """Find a homography by key points.

    Where the reference is of another scale or angle, it is found twice: SIFT finds other key points
    in it than in the photo, and more of the same once the reference has been brought near.
    """
    size = tuple(length * scale for length in lq.shape[:2])
    photo = keypoints.detect(lq, scale)
    photo = photo._replace(position=(photo.position + 0.5) * scale - 0.5, size=photo.size * scale)
    first, most = _fit_to(photo, ref, size, scale)
    if first is None:
        return None, most
    factor, angle = homography.scale_and_angle(first.similarity)
    if max(factor, 1 / factor) < NEAR_SCALE and abs(angle) < NEAR_ANGLE:
        return first, most
    part, image = whole_part(ref, first.similarity, size)
    second, _ = _fit_to(photo, image, size, scale)
    if second is None or second.matches < first.matches:
        return first, most
    back = np.linalg.inv(part.matrix)
    composed = second._replace(matrix=second.matrix @ back, similarity=second.similarity @ back)
    return composed, second.matches


def _fit_to(
    photo: KeyPoints, ref: np.ndarray, size: tuple[int, int], scale: int
) -> tuple[homography.Fit | None, int]:
    """Find a homography by the key points of the photo, given in the SR frame, and a reference."""
    found = keypoints.detect(ref)
    first, second = keypoints.match(photo, found).T
    return homography.estimate(photo.take(first), found.take(second), size, ref.shape[:2], scale)


def _aligned(
    lq: np.ndarray, ref: np.ndarray, fit: homography.Fit, size: tuple[int, int]
) -> tuple[Alignment, list[np.ndarray]]:
    """Return the reference warped onto the frame, and the whole at its scale and angle."""
    scale = size[0] // lq.shape[0]
    moved = displacements(lq, warp(ref, fit.matrix, size)) * scale
    warped, image = frame_part(ref, fit.matrix, size, moved)
    factor, angle = homography.scale_and_angle(fit.similarity)
    middle = (np.array(ref.shape[1::-1]) - 1) / 2
    similarity = turning(*_snapped(factor, angle))
    similarity[:2, 2] = transform_points(fit.similarity, middle) - similarity[:2, :2] @ middle
    whole, whole_image = whole_part(ref, similarity, size)
    done = Alignment((warped, whole), fit.matches, factor, math.degrees(angle), 'key points')
    return done, [image, whole_image]


def _snapped(factor: float, angle: float) -> tuple[float, float]:
    """Return 1 and whole quarter turns in place of what hardly differs from them."""
    quarter = round(angle / (math.pi / 2)) * math.pi / 2
    same_scale = max(factor, 1 / factor) < SAME_SCALE
    return (1.0 if same_scale else factor), (
        quarter if abs(angle - quarter) < SAME_ANGLE else angle
    )


def align_all(
    lq: np.ndarray, references: Sequence[np.ndarray], scale: int
) -> tuple[tuple[Alignment, ...], list[np.ndarray]]:
    """Align several references, each by itself.

    Args:
        lq (np.ndarray): LR image, shape (h, w, 3), uint8, RGB.
        references (Sequence[np.ndarray]): Each of shape (H, W, 3), uint8, RGB.
        scale (int): The scale of the super-resolution.

    Returns:
        tuple[tuple[Alignment, ...], list[np.ndarray]]: What was done with each, and the parts of
        all of them in order. The photo itself, where it serves as a reference, is left as it is.
    """
    alignments, parts = [], []
    for ref in references:
        itself = Alignment((as_it_is(ref),), 0), [ref]
        done, images = itself if np.array_equal(lq, ref) else align(lq, ref, scale)
        alignments.append(done)
        parts += images
    return tuple(alignments), parts
