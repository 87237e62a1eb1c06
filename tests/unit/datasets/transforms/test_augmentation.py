"""Augmentation: formulas, ranges, probabilities and seeds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmagic.registry import TRANSFORMS
from mmengine.config import Config

from masasr_mm.datasets.transforms import (
    RandomColorChange,
    RandomRotation90,
    RandomSwap,
    RandomViewpoint,
    RoundToUint8,
)
from masasr_mm.datasets.transforms.augmentation import warped
from tests.conftest import REPOSITORY


def item() -> dict:
    return dict(
        gt='g', ref='r', gt_path='g.png', ref_path='r.png', ori_gt_shape=(1, 2, 3),
        ori_ref_shape=(4, 5, 3), ori_gt='G', key='k',
    )  # fmt: skip


def test_swaps_the_images_and_what_is_known_of_them():
    assert RandomSwap(prob=1)(item()) == dict(
        gt='r', ref='g', gt_path='r.png', ref_path='g.png', ori_gt_shape=(4, 5, 3),
        ori_ref_shape=(1, 2, 3), ori_gt='G', key='k',
    )  # fmt: skip
    assert RandomSwap(prob=0)(item()) == item()

    np.random.seed(1)
    swap = TRANSFORMS.build(dict(type='RandomSwap', prob=0.2))
    assert 0.15 < np.mean([swap(item())['gt'] == 'r' for _ in range(2000)]) < 0.25


def test_dark_pixels_are_reflected_as_in_the_released_code():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    change = RandomColorChange(contrast=(1, 1), brightness=(-20, -20))
    results = change(dict(gt=ramp, ref=ramp))
    changed = min(results['gt'], results['ref'], key=lambda image: image[-1, -1, -1])
    assert changed.reshape(-1, 3)[:41, 0].tolist() == [*range(20, 0, -1), *range(21)]


def test_ranges_of_the_defaults():
    change = TRANSFORMS.build(dict(type='RandomColorChange'))
    np.random.seed(0)
    key_counts, factors, offsets = [], [], []
    x = np.array([60, 140], np.uint8).reshape(1, 2, 1).repeat(3, axis=2)
    for _ in range(2000):
        results = change(dict(gt=x, ref=x))
        in_gt = not np.array_equal(results['gt'], x)
        assert not (in_gt and not np.array_equal(results['ref'], x)), 'both changed'
        key_counts.append(in_gt)
        low, high = (results['gt'] if in_gt else results['ref'])[0, :, 0].astype(float)
        factors.append((high - low) / 80)
        offsets.append(low - 60 * factors[-1])
    assert abs(np.mean(key_counts) - 0.5) < 0.05
    # One grey level of rounding in each value is 1/80 in the factor, 60/80 + 0.5 in the offset.
    assert 0.7 - 0.0125 <= min(factors) < 0.72
    assert 1.28 < max(factors) <= 1.3 + 0.0125
    assert -20 - 1.25 <= min(offsets) < -19
    assert 19 < max(offsets) <= 20 + 1.25
    assert abs(np.mean(factors) - 1) < 0.02
    assert abs(np.mean(offsets)) < 1.2


IMAGE = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
ANTICLOCKWISE = [
    IMAGE,
    cv2.rotate(IMAGE, cv2.ROTATE_90_COUNTERCLOCKWISE),
    cv2.rotate(IMAGE, cv2.ROTATE_180),
    cv2.rotate(IMAGE, cv2.ROTATE_90_CLOCKWISE),
]


def test_all_angles_with_their_probabilities():
    rotate = TRANSFORMS.build(dict(type='RandomRotation90', keys=['gt', 'img']))
    np.random.seed(0)
    counts = np.zeros(4)
    for _ in range(4000):
        results = rotate(dict(gt=IMAGE, img=[255 - IMAGE, IMAGE], ref=IMAGE))
        turned = [np.array_equal(results['gt'], other) for other in ANTICLOCKWISE]
        counts[turned.index(True)] += 1
        for image, other in zip(results['img'], (255 - results['gt'], results['gt'])):
            np.testing.assert_array_equal(image, other)
        assert results['ref'] is IMAGE
    np.testing.assert_allclose(counts / 4000, [0.5 + 0.125, 0.125, 0.125, 0.125], atol=0.03)


def test_images_that_are_not_square_keep_their_shape():
    """A batch of them could not be stacked otherwise, and would break late in a training."""
    wide = IMAGE[:4]
    np.random.seed(0)
    rotate = RandomRotation90(['gt', 'img'], prob=1)
    results = [rotate(dict(gt=wide, img=wide[:2, :3])) for _ in range(400)]
    turned = [not np.array_equal(result['gt'], wide) for result in results]
    assert 0.4 < np.mean(turned) < 0.6
    for result, other in zip(results, turned):
        np.testing.assert_array_equal(result['gt'], wide[::-1, ::-1] if other else wide)
        assert result['img'].shape == (2, 3, 3)


def drawn(**options) -> list[np.ndarray]:
    np.random.seed(0)
    transform = RandomViewpoint(**options)
    return [transform._draw(100, 200) for _ in range(300)]


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


@pytest.mark.parametrize('dtype', [np.uint8, np.float32, np.float64])
def test_rounds_and_limits(dtype):
    levels = np.array([0, 1, 127, 254, 255], dtype).reshape(1, 5, 1).repeat(3, axis=2)
    given = levels if dtype == np.uint8 else levels + np.array([-3, 0.4, -0.4, 0.3, 90])[:, None]
    results = RoundToUint8(keys=['img'])(dict(img=given, gt=given))
    assert results['img'].dtype == np.uint8
    assert (results['img'] == levels).all()
    assert results['gt'] is given


@pytest.mark.parametrize('way', [1, 2])
def test_photos_are_degraded_as_the_config_says(way):
    """With numpy 2, mmagic's noise makes float64, and OpenCV converts no colours of that."""
    config = Config.fromfile(REPOSITORY / 'configs/masa-rec_x4_photos-degraded.py')
    gt, lq = (
        np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)
        for side in (128, 32)
    )
    results = dict(gt=gt, img=lq.astype(np.float32))
    for transform in config.degrade.transforms[way]:
        results = TRANSFORMS.build(transform)(results)
        if transform['type'] == 'RandomNoise':
            results['img'] = results['img'].astype(np.float64)
    assert results['img'].dtype == np.uint8
    assert results['img'].shape == (32, 32, 3)
