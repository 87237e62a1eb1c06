"""The picture shows what matched what."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.models.matching import MatchMaps
from masasr_mm.visualization import match_picture
from masasr_mm.visualization.match_colors import place_colors


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


@pytest.fixture
def shown(monkeypatch):
    """The panels that were drawn: title and image."""
    panels = {}
    show = match_picture._show

    def record(axis, image, title):
        panels[title] = image
        show(axis, image, title)

    monkeypatch.setattr(match_picture, '_show', record)
    return panels


def test_every_panel_shows_what_its_title_says(scene, shown):
    photo, result, ref, maps = scene
    picture = match_picture.draw_matches(photo, result, ref, maps)
    assert picture.dtype == np.uint8
    assert picture.shape[1] == 1300
    assert picture.std() > 30
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


def test_blocks_are_linked_to_where_they_were_found(scene, monkeypatch):
    links = []

    class Recorded(match_picture.ConnectionPatch):
        def __init__(self, here, there, *args, **kwargs):
            links.append((here, there))
            super().__init__(here, there, *args, **kwargs)

    monkeypatch.setattr(match_picture, 'ConnectionPatch', Recorded)
    match_picture.draw_matches(*scene)
    blocks = {(int(y // 32), int(x // 32)): there for (x, y), there in links}
    assert len(blocks) == 12
    for (row, column), (x, y) in blocks.items():
        assert (x, y) == ((3 + 6 * column + 0.5) * 4, (55 - 8 * row + 0.5) * 4)


def test_stacked_references_are_side_by_side(scene, shown):
    photo, result, ref, maps = scene
    match_picture.draw_matches(photo, result, ref, maps, num_refs=2)
    places = shown['photo: in the colours of where its pixels were found'].astype(int)
    grid = shown['reference: where they were found (coarse matching)']
    np.testing.assert_array_equal(grid, np.concatenate(np.split(ref, 2), axis=1))
    expected = place_colors(np.array((29, 30)), (30, 60))  # (59, 0) of the stack
    assert np.corrcoef(places[0, 0], expected)[0, 1] > 0.95


def test_a_reference_may_lack_the_rest_of_its_last_pixels(scene):
    photo, result, ref, maps = scene
    full = match_picture.draw_matches(
        photo, result, np.pad(ref[:-3], ((0, 3), (0, 0), (0, 0)), mode='edge'), maps
    )
    np.testing.assert_array_equal(match_picture.draw_matches(photo, result, ref[:-3], maps), full)


def test_large_photos_are_drawn_at_their_own_size(scene, shown, monkeypatch):
    photo, result, ref, maps = scene
    monkeypatch.setattr(match_picture, 'LARGE', 39)
    match_picture.draw_matches(photo, result, ref, maps)
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
    assert match_picture.draw_matches(photo, big, np.zeros((12, 12, 3), np.uint8), maps).size
