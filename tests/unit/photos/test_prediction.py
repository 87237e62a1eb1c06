"""How much of a photo its references show, against a plain transcription and on real photos."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from masasr_mm.datasets.transforms.packing import arrange, pack
from masasr_mm.images.pixels import resize
from masasr_mm.models.agreement import LOW_AGREEMENT, agreement
from masasr_mm.models.matching import MatchMaps
from masasr_mm.photos.prediction import Prediction
from masasr_mm.visualization.match_picture import texture_in_place


@pytest.fixture(scope='module')
def stereo():
    """A real stereo pair at LR scale, and where the left picture's pixels are in the right one."""
    *pair, disparity = data.stereo_motorcycle()
    width, height = (length // 4 for length in disparity.shape[::-1])
    left, right = (resize(image, width, height) for image in pair)
    shift = np.nan_to_num(disparity[2::4, 2::4][:height, :width], posinf=0) / 4
    rows, columns = np.mgrid[:height, :width]
    columns = np.clip(columns - np.round(shift).astype(int), 0, width - 1)
    return left, right, np.stack([rows, columns], axis=-1)


def test_it_is_the_weighted_mean_of_local_correlations(stereo):
    """Loops over the windows of a crop, which is mirrored at its border, without OpenCV."""
    left, right, position = stereo
    lq, position = left[40:62, 60:85], position[40:62, 60:85]
    grey = np.asarray(Image.fromarray(lq).convert('L'), float)
    ref = np.asarray(Image.fromarray(right).convert('L'), float)
    images = []
    for image in (grey, ref[position[..., 0], position[..., 1]]):
        detail = image - gaussian_filter(image, 3, mode='mirror')
        images.append(np.pad(detail, 7, mode='reflect'))
    total = weights = 0.0
    for y in range(lq.shape[0]):
        for x in range(lq.shape[1]):
            a, b = (image[y : y + 15, x : x + 15] for image in images)
            product = max(np.mean(a * a), 2) * max(np.mean(b * b), 2)
            weight = np.sqrt(np.mean(a * a))
            total += weight * np.mean(a * b) / np.sqrt(product)
            weights += weight
    assert agreement(lq, right, position) == pytest.approx(total / weights, abs=2e-3)


def test_true_matches_of_a_stereo_pair_agree_and_random_ones_do_not(stereo):
    left, right, position = stereo
    assert agreement(left, right, position) > LOW_AGREEMENT
    anywhere = np.random.default_rng(0).integers((0, 0), right.shape[:2], position.shape)
    assert abs(agreement(left, right, anywhere)) < 0.1


def test_exposure_does_not_matter(stereo):
    left, right, position = stereo
    darker = agreement(left, np.uint8(right * 0.5 + 20), position)
    assert darker == pytest.approx(agreement(left, right, position), abs=0.02)


def test_a_photo_without_contrast_needs_no_reference():
    flat = np.full((9, 9, 3), 128, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    assert agreement(flat, noise, np.zeros((9, 9, 2), int)) == 1


@pytest.mark.parametrize('sizes', [[(96, 120), (64, 200)], [(320, 960), (480, 160)]])
def test_matches_in_packed_references_are_traced_back(sizes):
    """In pictures every texel is where it was given, also of references that were cut."""
    rng = np.random.default_rng(0)
    references = [
        resize(rng.integers(0, 256, (h // 8, w // 8, 3), np.uint8), w, h) for h, w in sizes
    ]
    layout = arrange(sizes)
    packed = pack(references, layout)
    grid = packed.shape[0] // 4, packed.shape[1] // 4
    position = np.stack([rng.integers(0, length, (100, 250)) for length in grid], axis=-1)
    in_a_piece = np.zeros((100, 250), bool)
    for piece in layout.pieces:
        low, high = np.array(piece.place), np.array(piece.place) + piece.size
        in_a_piece |= ((position * 4 >= low) & (position * 4 + 4 <= high)).all(axis=-1)
    assert in_a_piece.mean() > 0.6
    lq = np.zeros((100, 250, 3), np.uint8)
    maps = MatchMaps(position, np.ones((100, 250), np.float32), position[:1, :1], (8, 8), grid, 4)
    prediction = Prediction(lq, lq, packed, packed, layout, maps, references=tuple(references))
    shown = prediction.shown()
    assert shown.num_refs == len(sizes)
    seen = texture_in_place(shown.ref, shown.matches.position, shown.matches.grid)
    same = (seen == shown.texture).reshape(100, 4, 250, 4, 3).all(axis=(1, 3, 4))
    assert same[in_a_piece].all()


def test_a_flat_part_beside_a_busy_one_does_not_count():
    """There running sums fall below zero, of which there is no root."""
    image = np.zeros((200, 200, 3), np.uint8)
    image[:100, :100] = np.random.default_rng(0).integers(0, 255, (100, 100, 1))
    same = np.stack(np.mgrid[:200, :200], axis=-1)
    assert agreement(image, image, same) == pytest.approx(1, abs=0.02)
