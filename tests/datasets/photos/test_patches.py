"""Patches of photographs."""

from __future__ import annotations

import numpy as np

from masasr_mm.datasets.photos import cut_patches
from masasr_mm.datasets.photos.patches import MOST, SIDE


def test_patches_cover_the_photo_and_are_parts_of_it():
    photo = np.random.default_rng(0).integers(0, 256, (512, 400, 3), np.uint8)
    patches = cut_patches(photo)
    assert sorted(patches) == ['0000_0000', '0000_0144', '0256_0000', '0256_0144']
    for place, patch in patches.items():
        top, left = map(int, place.split('_'))
        np.testing.assert_array_equal(patch, photo[top : top + SIDE, left : left + SIDE])


def test_patches_of_most_detail_come_first_and_empty_ones_not_at_all():
    photo = np.full((SIDE, 4 * SIDE, 3), 90, np.uint8)
    noise = np.random.default_rng(0).normal(0, 1, (SIDE, SIDE, 3))
    photo[:, SIDE : 2 * SIDE] = 128 + 10 * noise
    photo[:, 3 * SIDE :] = 128 + 20 * noise
    assert list(cut_patches(photo)) == ['0000_0768', '0000_0256']


def test_a_large_photo_gives_no_more_than_its_share():
    photo = np.random.default_rng(0).integers(0, 256, (7 * SIDE, 7 * SIDE, 3), np.uint8)
    assert len(cut_patches(photo)) == MOST
