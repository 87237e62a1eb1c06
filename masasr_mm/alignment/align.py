"""Aligning references with a photo: what is stacked for the network, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image

from ..images.pixels import resize
from ..models.agreement import agreement, detail_of
from ..models.matching import MatchExtractionModule
from . import homography, keypoints, learned, planes
from .keypoints import KeyPointCache, KeyPoints
from .planes import Plane
from .refinement import as_good_unwarped, displacements
from .warping import (
    Part,
    as_it_is,
    frame_part,
    inside,
    transform_points,
    turning,
    warp,
    whole_part,
)

if TYPE_CHECKING:
    from ..datasets.transforms.packing import Layout

METHODS = ('auto', 'sift', 'learned')
"""How key points are found: by SIFT and, where it is not sure, learned ones if the extra
``matchers`` is installed; or by one of them alone."""

SURE_MATCHES = 60
"""From so many on SIFT is sure."""
FEW_MATCHES = 20
"""With fewer, the line of the photo says that the extra may find more."""
ENOUGH_LEARNED = 30
"""Matches of learned key points from which on no other quarter turn is tried."""
FEW_KEY_POINTS = 512  # are enough to tell quarter turns apart
HIDING_SIGMA = 3.0
"""LR pixels; of what is so blurred no texture is taken."""
LEAST_HULL = 0.5
"""Of the frame the matches of a plane must cover for its homography to be used beyond them."""

SAME_SCALE, SAME_ANGLE = 1.03, math.radians(2)
"""What differs less than this is left as it is; MEM finds it, and no pixel is interpolated."""

NEAR_SCALE, NEAR_ANGLE = 1.2, math.radians(10)
"""From where on key points are looked for a second time."""

FINER = 1.1
"""How many times finer than the photo's the pixels of a reference must be. As coarse as the photo's
and enlarged to the frame, real ones gain 0.1 dB where the photo is compressed and cost 0.3 to 0.6
where it is clean, coarser ones cost more, and they have as many pixels as the result."""

LONGEST_SIDE = 48  # of the LR image that MEM compares with references, in pixels
FACTORS = (0.5, 2**-0.5, 1.0, 2**0.5, 2.0)
"""How large a reference is tried, where 1 gives it the area of the SR frame."""
QUARTER_TURNS = (0, 1, 2, 3)
CLEARLY_BETTER = 0.05
FINE_ENOUGH = 3  # times the size that it will have: what is finer hardly changes how it is reduced


class Alignment(NamedTuple):
    """What was done with one reference.

    ``by`` says what scale and angle come from: ``'key points'`` or ``'patches'`` (MEM). The
    reference is left as it is where that is ``'nothing'``, or where it is ``'too coarse'``, hardly
    finer than the photo, or where alignment ``'failed'``. ``frame`` is the SR frame in the
    reference, by key points, of which the first part shows what the reference does; None without
    key points, or where it is of planes.
    """

    parts: tuple[Part, ...]  # the images that it became
    matches: int  # key points that speak for it, or the few that would
    factor: float = 1.0  # how many times the reference is enlarged
    angle: float = 0.0  # how far it is turned, in degrees, counter-clockwise
    by: str = 'nothing'
    problem: str = ''  # why it failed
    frame: Part | None = None
    ref_size: tuple[int, int] = (0, 0)  # of the reference, (H, W), where there is a frame
    planes: int = 0  # each warped by itself; 0 where all of it is one
    share: float = 0.0  # how much of the photo they are, in [0, 1]
    more_may_be_found: bool = False  # by the extra matchers, where SIFT finds few key points

    @property
    def shows_the_scene(self) -> bool:
        """Whether key points are in both, however little of the photo the reference shows."""
        return self.by in ('key points', 'too coarse')

    def in_first_part(self, points: np.ndarray) -> np.ndarray:
        """Return where points (x, y) of the frame lie in the first part; NaN if nowhere."""
        in_ref, [part, *_] = self.frame.trace(points), self.parts
        if part is not self.frame:
            points = transform_points(np.linalg.inv(part.matrix), in_ref)
        return np.where(inside(in_ref, self.ref_size)[..., None], points, np.nan)

    def in_words(self) -> str:
        """Say what was done, such as ``aligned: reference ×0.40, turned 90°, 86 matches``."""
        matches = f'{self.matches} match{"" if self.matches == 1 else "es"}'
        more = '; the extra matchers may find more' if self.more_may_be_found else ''
        if self.by == 'nothing':
            return f'not aligned: {matches}{more}'
        if self.by == 'failed':
            return f'reference not aligned: {self.problem}'
        if self.by == 'too coarse':
            return f'not aligned: hardly finer than the photo, {matches}'
        if self.planes:
            parts = f'{self.planes} part{"" if self.planes == 1 else "s"}'
            return f'aligned: {parts}, {matches}, {self.share:.0%} of the photo'.replace('%', ' %')
        turned = f', turned {round(self.angle)}°' if round(self.angle) else ''
        done = 'aligned' if self.by == 'key points' else 'brought to size by patches'
        return f'{done}: reference ×{self.factor:.2f}{turned}, {matches}{more}'


class Places(NamedTuple):
    """Looks places of the LR image up in packed references that key points aligned."""

    alignments: Sequence[Alignment]
    layout: Layout
    scale: int

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return where LR pixels (y, x), (..., 2), lie in Ref↓ in each of P aligned references.

        (P, ..., 2), NaN where a reference does not show them.
        """
        in_frame = _in_frame(points, self.scale)[..., ::-1]
        found, part = [], 0
        for done in self.alignments:
            if done.frame is not None:
                found.append(self._packed(part, done.in_first_part(in_frame)[..., ::-1]))
            part += len(done.parts)
        packed = np.stack(found) if found else np.empty((0, *points.shape))
        return (packed + 0.5) / self.scale - 0.5

    def _packed(self, part: int, points: np.ndarray) -> np.ndarray:
        """Return where points (y, x) of a part lie in the packed image, in any of its pieces."""
        packed = np.full(points.shape, np.nan)
        for piece in self.layout.pieces:
            if piece.index == part:
                there = points - piece.origin
                here = inside(there[..., ::-1], piece.size)
                packed[here] = there[here] + piece.place
        return packed


Aligned = tuple[Alignment, list[np.ndarray]]
"""What was done with a reference, and its parts as images."""


class _Photo:
    """The photo that references are aligned with; its key points are given in the SR frame."""

    def __init__(self, lq: np.ndarray, scale: int) -> None:
        self.lq = lq
        self.scale = scale
        self.frame = lq.shape[0] * scale, lq.shape[1] * scale

    @cached_property
    def points(self) -> KeyPoints:
        points = keypoints.detect(self.lq, self.scale)
        position = _in_frame(points.position, self.scale)
        return points._replace(position=position, size=points.size * self.scale)

    @cached_property
    def view(self) -> learned.View:
        return learned.look(self.lq, self.scale)


def _in_frame(position: np.ndarray, scale: int) -> np.ndarray:
    """Return where places of the LR image lie in the SR frame."""
    return (position + 0.5) * scale - 0.5


class _Reference:
    """A reference, and what is known of its key points from photos before."""

    def __init__(self, image: np.ndarray, known: dict) -> None:
        self.image = image
        self.size = image.shape[:2]
        self._known = known

    @property
    def points(self) -> KeyPoints:
        if 'sift' not in self._known:
            self._known['sift'] = keypoints.detect(self.image)
        return self._known['sift']

    def view(self, turns: int) -> learned.View:
        if turns not in self._known:
            self._known[turns] = learned.look(self.image, turns=turns)
        return self._known[turns]


def align(lq: np.ndarray, ref: np.ndarray, scale: int, method: str = 'auto') -> Aligned:
    """Bring a reference (H, W, 3) of any size and angle to the frame of the photo (h, w, 3).

    It becomes two images: the part that shows what the photo shows, warped onto the SR frame, and
    the whole at the frame's scale and angle, so that nothing is lost where the warp is wrong. Where
    the reference shows the photo as well without being warped, its own pixels are taken, and where
    that is everywhere, the whole is all. If key points do not show how, MEM chooses a scale and a
    quarter turn, and the reference so changed is added to the reference as it is. If that is not
    clear either, or if the reference shows hardly more detail than the photo, or if OpenCV fails,
    it is left alone. One of ``METHODS`` finds the key points; several planes are found by learned
    ones alone, and each is warped by itself where its matches are.
    """
    done, images = align_all(lq, [ref], scale, method=method)
    return done[0], images


def align_all(
    lq: np.ndarray,
    references: Sequence[np.ndarray],
    scale: int,
    cache: KeyPointCache | None = None,
    method: str = 'auto',
) -> tuple[tuple[Alignment, ...], list[np.ndarray]]:
    """Do what :func:`align` does with several references, each by itself.

    The photo itself, where it serves as a reference, is left as it is. Key points of references are
    taken from a cache if one is given.
    """
    photo, alignments, parts = _Photo(lq, scale), [], []
    for ref, known in zip(references, (cache or KeyPointCache()).known(references)):
        if np.array_equal(lq, ref):
            done, images = _left_alone(ref)
        else:
            done, images = _align(photo, _Reference(ref, known), method)
        alignments.append(done)
        parts += images
    return tuple(alignments), parts


def _left_alone(ref: np.ndarray, matches: int = 0, **why: float | str) -> Aligned:
    return Alignment((as_it_is(ref),), matches, **why), [ref]


def _align(photo: _Photo, ref: _Reference, method: str) -> Aligned:
    """Align a reference; where OpenCV fails it is left alone."""
    try:
        fit, matches = (None, 0) if method == 'learned' else _fit(photo, ref)
        is_sure = fit is not None and fit.matches >= SURE_MATCHES
        is_missing = method == 'auto' and not learned.is_installed()
        if method == 'learned' or not (method == 'sift' or is_sure or is_missing):
            found = _planes(photo, ref)
            if _matches(found) > matches:
                return _by_planes(photo, ref, found)
        done, images = _by_fit(photo, ref, fit, matches)
        return done._replace(more_may_be_found=is_missing and matches < FEW_MATCHES), images
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(error.err) from error
        problem = f'OpenCV fails with {" ".join(error.err.split())}'
        return _left_alone(ref.image, by='failed', problem=problem)


def _by_fit(photo: _Photo, ref: _Reference, fit: homography.Fit | None, matches: int) -> Aligned:
    """Align a reference by its key points, or by patches if that is nothing."""
    if fit is None:
        return _by_patches(photo, ref.image, matches)
    if too_coarse := _too_coarse(photo, ref, fit.similarity, matches):
        return too_coarse
    moved = displacements(photo.lq, warp(ref.image, fit.matrix, photo.frame)) * photo.scale
    return _by_key_points(photo, ref.image, fit, moved)


def _too_coarse(
    photo: _Photo, ref: _Reference, similarity: np.ndarray, matches: int
) -> Aligned | None:
    """Leave a reference alone that shows hardly more detail than the photo."""
    factor, angle = homography.scale_and_angle(similarity[:2, :2])
    if not _is_too_coarse(factor, photo.scale):
        return None
    why = dict(factor=factor, angle=math.degrees(angle), by='too coarse')
    return _left_alone(ref.image, matches, **why)


def _fit(photo: _Photo, ref: _Reference) -> tuple[homography.Fit | None, int]:
    """Find a homography by SIFT's key points, and how many speak for it.

    Where the reference is of another scale or angle, it is found twice: SIFT finds other key points
    in it than in the photo, and more of the same once the reference has been brought near.
    """
    first, most = _fit_points(photo, ref.points, ref.size)
    if first is None or _is_near(first.similarity):
        return first, most
    part, image = whole_part(ref.image, first.similarity, photo.frame, photo.scale)
    second, _ = _fit_points(photo, keypoints.detect(image), part.size)
    if second is None or second.matches < first.matches:
        return first, most
    back = np.linalg.inv(part.matrix)
    composed = second._replace(matrix=second.matrix @ back, similarity=second.similarity @ back)
    return composed, second.matches


def _is_near(similarity: np.ndarray) -> bool:
    """Return whether a similarity changes scale and angle so little that key points stay."""
    factor, angle = homography.scale_and_angle(similarity[:2, :2])
    return max(factor, 1 / factor) < NEAR_SCALE and abs(angle) < NEAR_ANGLE


def _fit_points(
    photo: _Photo, points: KeyPoints, size: tuple[int, int]
) -> tuple[homography.Fit | None, int]:
    """Find a homography by the key points of a reference of a size."""
    first, second = keypoints.match(photo.points, points).T
    return homography.estimate(
        photo.points.take(first), points.take(second), photo.frame, size, photo.scale
    )


def _planes(photo: _Photo, ref: _Reference) -> list[Plane]:
    """Find planes by learned key points: turned by quarters if need be, again once it is near."""

    def found(view: learned.View, most: int = learned.MOST_KEY_POINTS) -> list[Plane]:
        here, there = learned.match(photo.view, view, most)
        return planes.find_planes(_in_frame(here, photo.scale), there, ref.size, photo.scale)

    best = found(ref.view(0))
    if _matches(best) < ENOUGH_LEARNED:
        turned = {turns: found(ref.view(turns), FEW_KEY_POINTS) for turns in QUARTER_TURNS[1:]}
        turns = max(turned, key=lambda turns: _matches(turned[turns]))
        if turned[turns]:
            best = max(best, found(ref.view(turns)), key=_matches)
    if not best:
        return []
    similarity = homography.nearest_similarity(best[0].ref, best[0].photo)
    if _is_near(similarity) or _is_too_coarse(
        homography.scale_and_angle(similarity[:2, :2])[0], photo.scale
    ):
        return best
    part, image = whole_part(ref.image, similarity, photo.frame, photo.scale)
    near = learned.look(image)
    return max(best, found(near._replace(matrix=part.matrix @ near.matrix)), key=_matches)


def _matches(found: Sequence[Plane]) -> int:
    return sum(len(plane.photo) for plane in found)


def _by_planes(photo: _Photo, ref: _Reference, found: Sequence[Plane]) -> Aligned:
    """Warp each plane by itself; the first one everywhere if it covers most of the photo."""
    first = found[0]
    is_for_all = first.covers(photo.frame) >= LEAST_HULL and homography.is_plausible(
        first.matrix, photo.frame, ref.size
    )
    if is_for_all and len(found) == 1:
        similarity = homography.nearest_similarity(first.ref, first.photo)
        fit = homography.Fit(first.matrix, similarity, len(first.photo))
        return _by_fit(photo, ref, fit, fit.matches)
    shown, place = planes.lay(photo.lq, ref.image, found, photo.scale, is_for_all)
    used, pixels = np.unique(shown[shown >= 0], return_counts=True)
    matches = _matches([found[index] for index in used])
    if not matches:
        return _by_fit(photo, ref, None, _matches(found))
    most = found[used[pixels.argmax()]]
    similarity = homography.nearest_similarity(most.ref, most.photo)
    if too_coarse := _too_coarse(photo, ref, similarity, matches):
        return too_coarse
    y, x = np.mgrid[: photo.lq.shape[0], : photo.lq.shape[1]]
    moved = transform_points(similarity, place) - _in_frame(np.dstack([x, y]), photo.scale)
    fit = homography.Fit(similarity, similarity, matches)
    done, images = _by_key_points(photo, ref.image, fit, moved, shown >= 0)
    return done._replace(planes=len(used), share=pixels.sum() / shown.size), images


def _by_key_points(
    photo: _Photo,
    ref: np.ndarray,
    fit: homography.Fit,
    moved: np.ndarray,
    shown: np.ndarray | None = None,
) -> Aligned:
    """Return the reference warped onto the frame, and the whole at its scale and angle.

    Where the whole keeps its pixels and shows the photo as well, they are not warped either. What
    the reference does not show is the photo, blurred, so that nothing is found there.
    """
    lq, scale, size = photo.lq, photo.scale, photo.frame
    warped, image = frame_part(ref, fit.matrix, size, moved)
    factor, angle = homography.scale_and_angle(fit.similarity[:2, :2])
    quarter = round(angle / (math.pi / 2)) * math.pi / 2
    snapped_factor = 1.0 if max(factor, 1 / factor) < SAME_SCALE else factor
    snapped_angle = quarter if abs(angle - quarter) < SAME_ANGLE else angle
    middle = (np.array(ref.shape[1::-1]) - 1) / 2
    similarity = turning(snapped_factor, snapped_angle)
    similarity[:2, 2] = transform_points(fit.similarity, middle) - similarity[:2, :2] @ middle
    whole, whole_image = whole_part(ref, similarity, size, scale)
    parts, images = (whole,), [whole_image]
    as_good = np.zeros(lq.shape[:2], bool)
    if snapped_factor == 1 and snapped_angle == quarter:
        as_good, unmoved = as_good_unwarped(lq, warped, image, whole, whole_image)
    if not (as_good if shown is None else as_good[shown]).all():
        if as_good.any():
            moved = np.where(as_good[..., None], unmoved, moved)
            warped, image = frame_part(ref, fit.matrix, size, moved)
        if shown is not None:
            image = _only_where_shown(photo, image, shown)
        parts, images = (warped, whole), [image, whole_image]
    frame = warped if shown is None else None
    done = Alignment(parts, fit.matches, factor, math.degrees(angle), 'key points')
    return done._replace(frame=frame, ref_size=ref.shape[:2]), images


def _only_where_shown(photo: _Photo, image: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Put the photo, blurred, where LR pixels of an image in the SR frame are not shown."""
    blurred = cv2.GaussianBlur(photo.lq, (0, 0), HIDING_SIGMA)
    height, width = (length // photo.scale for length in image.shape[:2])
    beyond = ((0, height - shown.shape[0]), (0, width - shown.shape[1]))
    shown = np.pad(shown, beyond, mode='edge').repeat(photo.scale, 0).repeat(photo.scale, 1)
    blurred = resize(np.pad(blurred, (*beyond, (0, 0)), mode='edge'), *image.shape[1::-1])
    return np.where(shown[..., None], image, blurred)


def _is_too_coarse(factor: float, scale: int) -> bool:
    """Tell whether a reference, to be enlarged by a factor, shows hardly more than the photo."""
    return factor * FINER > scale


def _by_patches(photo: _Photo, ref: np.ndarray, matches: int) -> Aligned:
    """Add the reference at the scale and turn at which MEM finds most of the photo, if clear."""
    chosen = choose(photo.lq, ref, photo.scale)
    if chosen is None:
        return _left_alone(ref, matches)
    factor, turns = chosen
    angle = turns * math.pi / 2
    part, image = whole_part(ref, turning(factor, angle), None, photo.scale)
    degrees = (math.degrees(angle) + 180) % 360 - 180
    done = Alignment((part, as_it_is(ref)), matches, factor, degrees, 'patches')
    return done, [image, ref]


def choose(lq: np.ndarray, ref: np.ndarray, scale: int) -> tuple[float, int] | None:
    """Choose the scale and quarter turns at which MEM finds most of the photo in a reference.

    MEM (Eq. 1-3) runs on luminance less its local mean, not on the encoder's features, so that the
    choice depends on no weights. None if no scale shows clearly more of the photo than all that are
    turned otherwise, and than the reference as it is; or if it is too coarse then to have texture
    to give.
    """
    reduction = min(1.0, LONGEST_SIDE / max(lq.shape[:2]))
    block = MatchExtractionModule().block_size
    size = (max(1, round(length * reduction / block)) * block for length in lq.shape[1::-1])
    small = resize(lq, *size)  # which MEM's blocks divide
    as_large = scale * math.sqrt(math.prod(lq.shape[:2]) / math.prod(ref.shape[:2]))
    factors = [1.0, *(factor * as_large for factor in FACTORS)]
    pyramid = _pyramid(ref, [factor * reduction / scale for factor in factors])
    as_given = _found(small, pyramid[0], 0)
    scores = {
        (factor, turns): _found(small, level, turns)
        for (factor, level), turns in product(zip(factors[1:], pyramid[1:]), QUARTER_TURNS)
    }
    best = max(scores, key=scores.get)
    if _is_too_coarse(best[0], scale):
        return None
    others = [score for (_, turns), score in scores.items() if turns != best[1]]
    return best if scores[best] > max(*others, as_given) + CLEARLY_BETTER else None


def _pyramid(ref: np.ndarray, factors: Sequence[float]) -> list[np.ndarray]:
    """Return a reference in several sizes, made of one that is not much larger than them."""
    least = MatchExtractionModule().patch_size
    sizes = [[max(least, round(s * factor)) for s in ref.shape[1::-1]] for factor in factors]
    coarser = int(1 / (FINE_ENOUGH * max(factors)))
    if coarser > 1:
        ref = np.asarray(Image.fromarray(ref).reduce(coarser))
    return [resize(ref, *size) for size in sizes]


def _found(lq: np.ndarray, ref_down: np.ndarray, turns: int) -> float:
    """Return how much of an LR image MEM finds in a reduced reference, turned by quarters."""
    ref_down = np.ascontiguousarray(np.rot90(ref_down, turns))
    features = (torch.from_numpy(detail_of(image))[None, None] for image in (lq, ref_down))
    with torch.no_grad():
        [position] = MatchExtractionModule()(*features).position
    position = np.stack(np.divmod(position.numpy(), ref_down.shape[1]), axis=-1)
    return agreement(lq, ref_down, position)
