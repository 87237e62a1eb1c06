"""Matches as colours."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps

from masasr_mm.visualization.match_colors import (
    CORNERS,
    heat,
    place_colors,
    similarity_on_reference,
    texture_in_place,
    tint,
)

POSITION = np.array([[[0, 0], [1, 2]], [[3, 1], [0, 0]], [[2, 2], [2, 2]]])


def test_corners_have_their_colours_and_neighbours_are_alike():
    places = np.stack(np.mgrid[:20, :30], axis=-1)
    colors = place_colors(places, (20, 30))
    np.testing.assert_allclose(colors[[0, 0, -1, -1], [0, -1, 0, -1]], CORNERS.reshape(4, 3))
    np.testing.assert_allclose(colors[0, 15], (15 * CORNERS[0, 1] + 14 * CORNERS[0, 0]) / 29)
    steps = np.abs(np.diff(colors, axis=1)).max(), np.abs(np.diff(colors, axis=0)).max()
    assert max(steps) < 0.06
    flat = colors.reshape(-1, 3)
    assert len(np.unique(flat.round(6), axis=0)) == len(flat)  # no two places look the same
    assert place_colors(np.zeros((1, 2), int), (1, 1)).shape == (1, 3)


def test_tint_keeps_light_and_shade():
    image = np.stack([np.linspace(0, 255, 10).astype(np.uint8)[None]] * 3, axis=-1)
    red = np.broadcast_to(np.array([1.0, 0.0, 0.0]), image.shape)
    tinted = tint(image, red).astype(int)
    assert (np.diff(tinted[0, :, 0]) > 0).all()
    assert (tinted[..., 0] > tinted[..., 1]).all()
    np.testing.assert_array_equal(tint(image, red, strength=0), image)


def test_heat_goes_from_cold_to_hot_and_leaves_out_what_is_not_there():
    image = np.full((1, 4, 3), 255, np.uint8)
    drawn = heat(image, np.array([[0.5, 1.0, 2.0, np.nan]]), 0.5, 1.0)
    cold, hot = (np.array(colormaps['inferno'](value)[:3]) for value in (0.0, 1.0))
    expected = np.round(255 * (0.85 * np.stack([cold, hot, hot]) + 0.15))
    np.testing.assert_array_equal(drawn[0, :3], expected)
    assert np.ptp(drawn[0, 3]) == 0
    assert drawn[0, 3, 0] < 100


def test_similarity_on_the_reference_is_the_highest_of_each_patch():
    similarity = np.array([[0.1, 0.2], [0.3, 0.9], [0.5, 0.4]], np.float32)
    have = similarity_on_reference(POSITION, similarity, (7, 6))
    expected = np.full((7, 6), np.nan)
    for y in range(7):
        for x in range(6):
            near = np.abs(POSITION - (y, x)).max(axis=-1) <= 1
            if near.any():
                expected[y, x] = similarity[near].max()
    np.testing.assert_allclose(have, expected)
    assert np.isnan(have[6]).all()


def test_texture_in_place_takes_whole_cells():
    generator = np.random.default_rng(0)
    ref = generator.integers(0, 256, (5 * 4, 3 * 4, 3), dtype=np.uint8)
    have = texture_in_place(ref, POSITION, (5, 3))
    assert have.shape == (12, 8, 3)
    for i in range(3):
        for j in range(2):
            y, x = POSITION[i, j] * 4
            cell = have[4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
            np.testing.assert_array_equal(cell, ref[y : y + 4, x : x + 4])
