"""RandomRotation90."""

from __future__ import annotations

import cv2
import numpy as np
from mmagic.datasets.transforms import Flip
from mmagic.registry import TRANSFORMS

from masasr_mm.datasets.transforms import RandomRotation90

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
ANTICLOCKWISE = [
    IMAGE,
    cv2.rotate(IMAGE, cv2.ROTATE_90_COUNTERCLOCKWISE),
    cv2.rotate(IMAGE, cv2.ROTATE_180),
    cv2.rotate(IMAGE, cv2.ROTATE_90_CLOCKWISE),
]


def turns_of(image: np.ndarray, turned: list[np.ndarray] = ANTICLOCKWISE) -> int:
    return [np.array_equal(image, other) for other in turned].index(True)


def test_all_angles_with_their_probabilities():
    rotate = TRANSFORMS.build(dict(type='RandomRotation90', keys=['gt', 'img']))
    np.random.seed(0)
    counts = np.zeros(4)
    for _ in range(4000):
        results = rotate(dict(gt=IMAGE, img=255 - IMAGE, ref=IMAGE))
        counts[turns_of(results['gt'])] += 1
        np.testing.assert_array_equal(results['img'], 255 - results['gt'])
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


def test_extreme_probabilities():
    np.random.seed(0)
    assert all(RandomRotation90('gt', prob=0)(dict(gt=IMAGE))['gt'] is IMAGE for _ in range(50))
    always = [turns_of(RandomRotation90('gt', prob=1)(dict(gt=IMAGE))['gt']) for _ in range(2000)]
    np.testing.assert_allclose(np.bincount(always, minlength=4) / 2000, 0.25, atol=0.04)


def test_results_can_be_flipped_in_place():
    np.random.seed(0)
    for _ in range(20):
        results = RandomRotation90(['gt'], prob=1)(dict(gt=IMAGE.copy()))
        assert results['gt'].flags.c_contiguous
        before = results['gt'].copy()
        flipped = Flip(['gt'], flip_ratio=1)(results)['gt']
        np.testing.assert_array_equal(flipped, before[:, ::-1])


def test_list_of_images_turns_together():
    np.random.seed(0)
    others = [255 - turned for turned in ANTICLOCKWISE]
    for _ in range(20):
        first, second = RandomRotation90('ref', prob=1)(dict(ref=[IMAGE, 255 - IMAGE]))['ref']
        assert turns_of(first) == turns_of(second, others)
