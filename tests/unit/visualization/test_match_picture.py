"""The picture shows what matched what."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.patches import ConnectionPatch
from PIL import Image
from skimage import data

from masasr_mm.models.matching import MatchMaps
from masasr_mm.visualization import match_picture
from masasr_mm.visualization.match_picture import (
    CORNERS,
    draw_matches,
    heat,
    lay_out,
    match_figure,
    move_positions,
    place_colors,
    similarity_on_reference,
    texture_in_place,
    tint,
)

POSITION = np.array([[[0, 0], [1, 2]], [[3, 1], [0, 0]], [[2, 2], [2, 2]]])


@pytest.fixture(scope='module')
def scene():
    """A photo of 32×40 found, block by block, upside down in a reference of 60×30."""
    photo = np.ascontiguousarray(data.astronaut()[:320:10, :400:10])
    ref = np.ascontiguousarray(data.coffee()[:240, :120])
    y, x = np.mgrid[:32, :40]
    position = np.stack([59 - y, x * 29 // 39], axis=-1)
    blocks = np.stack(np.mgrid[:4, :5], axis=-1) * (-8, 6) + (55, 3)
    similarity = (x / 39).astype(np.float32)
    maps = MatchMaps(position, similarity, blocks, (8, 8), (60, 30), 4)
    return photo, photo.repeat(4, 0).repeat(4, 1), ref, maps


def panels(figure) -> dict[str, np.ndarray]:
    """The images of a figure by their titles."""
    axes = [axis for axis in figure.get_axes() if axis.get_title(loc='left')]
    return {axis.get_title(loc='left'): np.asarray(axis.images[0].get_array()) for axis in axes}


def test_every_panel_shows_what_its_title_says(scene):
    photo, result, ref, maps = scene
    shown = panels(match_figure(photo, result, ref, maps))
    titles = list(shown)
    assert len(titles) == 9
    places, key = shown[titles[2]].astype(int), shown[titles[3]].astype(int)
    assert places.shape == result.shape
    assert key.shape == ref.shape
    # The photo's top left is in the colour of the reference's bottom left, and so on.
    for pixel, place in (((0, 0), (59, 0)), ((0, 39), (59, 29)), ((31, 0), (28, 0))):
        expected = place_colors(np.array(place), (60, 30))
        have = places[pixel[0] * 4, pixel[1] * 4]
        assert np.corrcoef(have, expected)[0, 1] > 0.95, pixel
    # The upper part of the reference was not used: dark and without colour.
    unused, used = key[:60], key[200:]
    assert np.ptp(unused, axis=2).max() == 0
    assert unused.max() < 70
    assert np.ptp(used, axis=2).mean() > 50
    hot = shown['photo: similarity, mean 0.50'].astype(int)
    assert hot[:, -8:].mean() > hot[:, :8].mean() + 20
    texture = shown["matched reference texture, in the photo's place"]
    np.testing.assert_array_equal(texture[:4, :4], ref[59 * 4 : 60 * 4, :4])


def test_blocks_are_linked_to_where_they_were_found(scene):
    links = match_figure(*scene).findobj(ConnectionPatch)
    blocks = {(int(link.xy1[1] // 32), int(link.xy1[0] // 32)): link.xy2 for link in links}
    assert len(blocks) == 12
    for (row, column), (x, y) in blocks.items():
        assert (x, y) == ((3 + 6 * column + 0.5) * 4, (55 - 8 * row + 0.5) * 4)


def test_stacked_references_are_side_by_side(scene):
    photo, result, ref, maps = scene
    shown = panels(match_figure(photo, result, ref, maps, num_refs=2))
    places = shown['photo: in the colours of where its pixels were found'].astype(int)
    grid = shown['reference: where they were found (coarse matching)']
    np.testing.assert_array_equal(grid, np.concatenate(np.split(ref, 2), axis=1))
    expected = place_colors(np.array((29, 30)), (30, 60))  # (59, 0) of the stack
    assert np.corrcoef(places[0, 0], expected)[0, 1] > 0.95


def test_a_reference_may_lack_the_rest_of_its_last_pixels(scene):
    photo, result, ref, maps = scene
    full = np.pad(ref[:-3], ((0, 3), (0, 0), (0, 0)), mode='edge')
    picture = draw_matches(photo, result, full, maps)
    assert picture.dtype == np.uint8
    assert picture.shape[1] == 1300
    assert picture.std() > 30
    np.testing.assert_array_equal(draw_matches(photo, result, ref[:-3], maps), picture)


def test_large_photos_are_drawn_at_their_own_size(scene, monkeypatch):
    photo, result, ref, maps = scene
    monkeypatch.setattr(match_picture, 'LARGE', 39)
    shown = panels(match_figure(photo, result, ref, maps))
    assert {image.shape for image in shown.values()} == {(32, 40, 3), (60, 30, 3)}
    texture = shown["matched reference texture, in the photo's place"]
    small = Image.fromarray(ref).resize((30, 60), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(texture[0, 0], np.asarray(small)[59, 0])


def test_one_block_is_enough():
    photo = np.zeros((5, 6, 3), np.uint8)
    maps = MatchMaps(
        np.ones((5, 6, 2), int), np.ones((5, 6), np.float32), np.ones((1, 1, 2), int), (8, 8),
        (3, 3), 4,
    )  # fmt: skip
    big = np.zeros((20, 24, 3), np.uint8)
    assert draw_matches(photo, big, np.zeros((12, 12, 3), np.uint8), maps).size


def test_corners_have_their_colours_and_no_two_places_look_the_same():
    places = np.stack(np.mgrid[:20, :30], axis=-1)
    colors = place_colors(places, (20, 30))
    np.testing.assert_allclose(colors[[0, 0, -1, -1], [0, -1, 0, -1]], CORNERS.reshape(4, 3))
    np.testing.assert_allclose(colors[0, 15], (15 * CORNERS[0, 1] + 14 * CORNERS[0, 0]) / 29)
    flat = colors.reshape(-1, 3)
    assert len(np.unique(flat.round(6), axis=0)) == len(flat)
    assert place_colors(np.zeros((1, 2), int), (1, 1)).shape == (1, 3)


def test_tint_keeps_light_and_shade():
    image = np.stack([np.linspace(0, 255, 10).astype(np.uint8)[None]] * 3, axis=-1)
    red = np.broadcast_to(np.array([1.0, 0.0, 0.0]), image.shape)
    tinted = tint(image, red).astype(int)
    assert (np.diff(tinted[0, :, 0]) > 0).all()
    assert (tinted[..., 0] > tinted[..., 1]).all()
    np.testing.assert_array_equal(tint(image, red, strength=0), image)


def test_heat_is_cold_to_hot_and_grey_where_there_is_none():
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


@pytest.mark.parametrize(
    ('number', 'size', 'shape'),
    [
        (1, (5, 7), (5, 7)),
        (2, (6, 6), (6, 12)),
        (2, (4, 9), (8, 9)),
        (4, (6, 6), (12, 12)),
        (5, (6, 6), (12, 18)),
        (3, (6, 4), (6, 12)),
    ],
)
def test_positions_are_moved_as_the_references_are(number, size, shape):
    generator = np.random.default_rng(0)
    stack = generator.integers(0, 255, (number * size[0], size[1], 3), dtype=np.uint8)
    grid = lay_out(stack, number)
    assert grid.shape[:2] == shape
    y, x = np.mgrid[: stack.shape[0], : stack.shape[1]]
    moved = move_positions(np.stack([y, x], axis=-1), stack.shape[:2], number)
    np.testing.assert_array_equal(grid[moved[..., 0], moved[..., 1]], stack)
    left_over = np.ones(grid.shape[:2], bool)
    left_over[moved[..., 0], moved[..., 1]] = False
    assert (grid[left_over] == 255).all()
    assert left_over.sum() == grid[..., 0].size - stack[..., 0].size
