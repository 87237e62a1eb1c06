"""Other viewpoints: within their ranges, without aliasing, where the homography says."""

from __future__ import annotations

import cv2
import numpy as np
from mmagic.registry import TRANSFORMS

from masasr_mm.datasets.transforms import RandomViewpoint
from masasr_mm.datasets.transforms.random_viewpoint import warped


def drawn(count: int = 300, **options) -> list[np.ndarray]:
    np.random.seed(0)
    transform = RandomViewpoint(**options)
    return [transform._draw(100, 200) for _ in range(count)]


def test_a_shift_alone_moves_everything_by_the_same():
    for matrix in drawn(prob=0, shift=0.1):
        np.testing.assert_allclose(matrix[:2, :2], np.eye(2), atol=1e-5)
        np.testing.assert_allclose(matrix[2], [0, 0, 1], atol=1e-6)
        assert abs(matrix[0, 2]) <= 20 + 1e-3
        assert abs(matrix[1, 2]) <= 10 + 1e-3


def test_turn_and_scale_reach_their_limits_and_no_further():
    matrices = np.stack(drawn(prob=1, angle=20, scale=1.5, tilt=0, shift=0))
    scales = np.sqrt(np.linalg.det(matrices[:, :2, :2]))
    angles = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    for values, limits in ((np.log(scales), np.log([1 / 1.5, 1.5])), (angles, (-20, 20))):
        assert values.min() >= limits[0] - 1e-3
        assert values.max() <= limits[1] + 1e-3
        assert np.ptp(values) > 0.9 * np.ptp(limits)
    centre = matrices @ np.array([99.5, 49.5, 1])
    np.testing.assert_allclose(centre[:, :2] / centre[:, 2:], [[99.5, 49.5]] * 300, atol=1e-2)


def test_tilt_moves_each_corner_by_itself():
    corners = np.array([[-0.5, -0.5], [199.5, -0.5], [199.5, 99.5], [-0.5, 99.5]], np.float32)
    for matrix in drawn(prob=1, angle=0, scale=1, tilt=0.05, shift=0):
        moved = cv2.perspectiveTransform(corners[None], matrix)[0] - corners
        assert (np.abs(moved) <= np.array([10, 5]) + 1e-2).all()
        assert np.ptp(moved, axis=0).max() > 0


def test_no_change_of_viewpoint_changes_no_pixel_by_much():
    image = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8), (0, 0), 2
    )
    same = warped(image, np.eye(3))
    assert same.shape == image.shape
    assert np.abs(same.astype(int) - image).max() <= 2


def test_a_point_goes_where_the_homography_says():
    image = np.zeros((60, 80, 3), np.uint8)
    cv2.circle(image, (30, 20), 3, (255, 255, 255), -1)
    matrix = np.array([[0.8, 0.1, 5], [-0.1, 0.9, 9], [0.0005, 0, 1]])
    result = warped(image, matrix)[..., 0].astype(float)
    y, x = (np.average(axis, weights=result) for axis in np.mgrid[:60, :80])
    expected = cv2.perspectiveTransform(np.array([[[30.0, 20.0]]]), matrix)[0, 0]
    np.testing.assert_allclose((x, y), expected, atol=0.15)


def test_reducing_does_not_alias():
    """Stripes of one pixel at half the size are grey, not stripes of another width."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    half = warped(stripes, np.diag([0.55, 0.55, 1]))[5:25, 5:25]
    assert half.std() < 0.3 * stripes.std()


def test_it_is_registered_and_keeps_the_other_keys():
    transform = TRANSFORMS.build(dict(type='RandomViewpoint', key='ref'))
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    results = transform(dict(gt=image, ref=image))
    assert results['gt'] is image
    assert results['ref'].shape == image.shape
    assert results['ref'].dtype == np.uint8
    assert not np.array_equal(results['ref'], image)
    assert 'angle=15' in repr(transform)


def test_the_same_seed_gives_the_same_view():
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    results = []
    for _ in range(2):
        np.random.seed(3)
        results.append(RandomViewpoint()(dict(ref=image))['ref'])
    np.testing.assert_array_equal(*results)
