"""References of several sizes in one image: every pixel is there, and little else."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from masasr_mm.datasets.transforms.packing import MARGIN, MOST_ROOM, arrange, pack

MIXES = {
    'small ones and a large one': [(240, 320), (300, 200), (256, 256), (400, 300), (1600, 2400)],
    'portrait and landscape': [(4000, 3000), (3000, 4000), (240, 320), (300, 400), (480, 640)],
    'portrait and landscape of 3:2': [(6000, 4000), (4000, 6000)],
    'portrait and landscape of 16:9': [(1920, 1080), (1080, 1920)],
    'panorama and portrait': [(1000, 8000), (4000, 3000)],
    'upright and level panorama': [(1000, 8000), (8000, 1000)],
    'tiny ones': [(64, 64), (48, 96), (100, 40)],
    'a reference and its surroundings': [(480, 640), (720, 960)],
    'many': [(480, 640), (720, 960), (961, 333)] * 4,
}


@pytest.mark.parametrize('sizes', MIXES.values(), ids=MIXES.keys())
def test_nearly_all_pixels_are_of_the_references(sizes):
    layout = arrange(sizes)
    assert layout.pixels <= MOST_ROOM * sum(height * width for height, width in sizes)
    taken = [(*piece.corner, *piece.cell) for piece in layout.pieces]
    for (y, x, h, w), (v, u, k, l) in combinations(taken, 2):  # noqa: E741
        assert y + h <= v or v + k <= y or x + w <= u or u + l <= x
    # Pixels of Ref↓ stay whole, and the network takes the size as it is.
    assert all(n % 4 == 0 for piece in layout.pieces for n in (*piece.place, *piece.origin))
    assert all(length % 8 == 0 for length in layout.size)


def random_images(sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


@pytest.mark.parametrize(
    'sizes', [[(240, 320), (300, 200), (41, 57)], [(400, 600), (600, 400)], [(300, 900), (200, 90)]]
)
def test_every_pixel_is_where_the_layout_says(sizes):
    images = random_images(sizes)
    layout = arrange(sizes)
    packed = pack(images, layout)
    missing = [np.ones(size, bool) for size in sizes]
    for index, (top, left), (height, width), (y, x), _, _ in layout.pieces:
        rows, columns = slice(top, top + height), slice(left, left + width)
        np.testing.assert_array_equal(
            packed[y : y + height, x : x + width], images[index][rows, columns]
        )
        missing[index][rows, columns] = False
    assert not any(part.any() for part in missing)


def test_a_match_at_a_border_takes_nothing_from_another_reference():
    images = random_images([(240, 320), (300, 200), (800, 1200)])
    layout = arrange([image.shape[:2] for image in images])
    packed = pack(images, layout)
    for index, _, (height, width), (y, x), _, _ in layout.pieces:
        around = packed[y - MARGIN : y + height + MARGIN, x - MARGIN : x + width + MARGIN]
        np.testing.assert_array_equal(
            around, np.pad(images[index], [(MARGIN, MARGIN)] * 2 + [(0, 0)], mode='edge')
        )


def test_the_rest_repeats_the_border_beside_it():
    images = [np.full((*size, 1), number, np.uint8) for number, size in enumerate(MIXES['many'])]
    layout = arrange(MIXES['many'])
    packed = pack(images, layout)[..., 0]
    y, x = np.mgrid[: layout.size[0] : 7, : layout.size[1] : 7]
    number = layout.nearest_pieces(np.stack([y, x], axis=-1))
    inside = [
        (y >= p.corner[0])
        & (y < p.corner[0] + p.cell[0])
        & (x >= p.corner[1])
        & (x < p.corner[1] + p.cell[1])
        for p in layout.pieces
    ]
    for which, piece in enumerate(layout.pieces):
        assert (packed[y, x][inside[which]] == piece.index).all()
        assert (number[inside[which]] == which).all()
