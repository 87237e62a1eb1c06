"""The picture shows what matched what."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import ConnectionPatch
from skimage import data

from masasr_mm.models.matching import MatchMaps
from masasr_mm.visualization.match_picture import (
    draw_matches,
    lay_out,
    move_positions,
    place_colors,
)


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


@pytest.fixture(scope='module')
def figure(scene):
    """What matplotlib is made to draw."""
    canvases = []
    with pytest.MonkeyPatch.context() as patch:
        draw = FigureCanvasAgg.draw
        patch.setattr(FigureCanvasAgg, 'draw', lambda self: canvases.append(self) or draw(self))
        picture = draw_matches(*scene)
    [canvas] = canvases
    np.testing.assert_array_equal(picture, np.asarray(canvas.buffer_rgba())[..., :3])
    return canvas.figure


def test_every_panel_shows_what_its_title_says(scene, figure):
    _, result, ref, _ = scene
    axes = {axis.get_title(loc='left'): axis for axis in figure.get_axes()}
    shown = {title: np.asarray(axes[title].images[0].get_array()) for title in axes if title}
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


def test_blocks_are_linked_to_where_they_were_found(figure):
    links = figure.findobj(ConnectionPatch)
    blocks = {(int(link.xy1[1] // 32), int(link.xy1[0] // 32)): link.xy2 for link in links}
    assert len(blocks) == 12
    for (row, column), (x, y) in blocks.items():
        assert (x, y) == ((3 + 6 * column + 0.5) * 4, (55 - 8 * row + 0.5) * 4)


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
