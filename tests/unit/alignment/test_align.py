"""A reference that was changed in a known way is brought back to where it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.alignment import Places, align, align_all
from masasr_mm.alignment.align import choose
from masasr_mm.datasets.transforms import StackReferences
from masasr_mm.models.agreement import local_agreement
from masasr_mm.photos.inferencer import stack

SCALE = 4


@pytest.fixture(scope='module')
def lq(scene) -> np.ndarray:
    return resized(scene, 1 / SCALE)


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    size = tuple(round(length * factor) for length in image.shape[1::-1])
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """Turn counter-clockwise by Pillow, which knows nothing of our matrices."""
    picture = Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    return np.array(picture)


def grey_part(image: np.ndarray) -> np.ndarray:
    grey = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    return np.ascontiguousarray(grey[30:200])


def psnr(image: np.ndarray, truth: np.ndarray, margin: int = 12) -> float:
    inner = (slice(margin, -margin), slice(margin, -margin))
    error = image[inner].astype(float) - truth[inner]
    return 10 * math.log10(255**2 / max((error**2).mean(), 1e-9))


@pytest.mark.parametrize(
    ('change', 'factor', 'angle', 'said'),
    [
        (np.copy, 1, 0, 'aligned: reference ×1.00, '),
        (lambda image: np.rot90(resized(image, 2.5)).copy(), 0.4, -90, '×0.40, turned -90°, '),
        (lambda image: turned(resized(image, 1.7), 130), 1 / 1.7, -130, '×0.59, turned -130°, '),
    ],
    ids=['as it is', 'enlarged and turned by a quarter', 'enlarged and turned'],
)
def test_changed_references_come_back(scene, lq, change, factor, angle, said):
    done, images = align(lq, change(scene), SCALE)
    assert done.by == 'key points'
    assert done.factor == pytest.approx(factor, rel=0.02)
    assert abs((done.angle - angle + 180) % 360 - 180) < 1
    assert said in done.in_words()
    assert images[0].shape == scene.shape
    assert psnr(images[0], scene) > max(27, psnr(resized(lq, SCALE), scene) + 3)
    assert min(images[-1].shape[:2]) >= 239


def test_a_reference_that_fits_keeps_every_pixel(scene, lq):
    """The whole is not interpolated where scale and angle are right, nor by a quarter turn."""
    shifted = np.ascontiguousarray(scene[:, 40:])
    for turns in (0, 3):
        _, images = align(lq, np.ascontiguousarray(np.rot90(shifted, turns)), SCALE)
        np.testing.assert_array_equal(images[-1][:240, :280], shifted)


def test_what_fits_is_not_warped_where_the_rest_is(scene, lq):
    """The left half is in place by whole pixels of the photo, the right half is not."""
    reference = scene.copy()
    reference[:, 160:] = np.roll(scene, 6, axis=1)[:, 160:]
    _, [warped, _] = align(lq, reference, SCALE)
    kept = (warped == scene).all(axis=2)
    assert kept[20:-20, 12:120].mean() > 0.9
    right = np.s_[20:-20, 190:-12]
    assert psnr(warped[right], scene[right], 1) > psnr(reference[right], scene[right], 1) + 6


def test_parts_know_where_their_pixels_came_from(scene, lq):
    """What a part shows lies in the reference where it says, in both of them."""
    reference = turned(resized(scene, 1.5), 25)
    done, images = align(lq, reference, SCALE)
    for part, image in zip(done.parts, images):
        height, width = image.shape[:2]
        y, x = np.mgrid[60 : height - 60 : 7, 60 : width - 60 : 7]
        u, v = np.moveaxis(np.round(part.trace(np.stack([x, y], axis=-1))).astype(int), -1, 0)
        shown = (u >= 0) & (v >= 15) & (u < reference.shape[1]) & (v < reference.shape[0])
        assert shown.mean() > 0.5
        pixels, u, v = image[y, x][shown].astype(int), u[shown], v[shown]
        assert np.median(np.abs(pixels - reference[v, u])) < 4
        # Elsewhere the reference looks different.
        assert np.median(np.abs(pixels - reference[v - 15, u])) > 6


def test_of_a_far_larger_reference_the_surroundings_are_kept():
    """A photo of a small part of the reference does not bring all of it along."""
    world = data.astronaut()
    photo = np.ascontiguousarray(world[20:260, 120:360])
    done, [warped, whole] = align(resized(photo, 1 / SCALE), resized(world, 1.5), SCALE)
    assert done.by == 'key points'
    assert max(whole.shape[:2]) <= 1.5 * 240 + 2 * SCALE
    assert psnr(warped, photo, margin=8) > 27


@pytest.mark.parametrize(('crop', 'factor'), [(np.s_[:, 100:], 1), (np.s_[30:170], 1.3)])
def test_the_reduced_part_holds_the_photos_own_pixels(scene, crop, factor):
    """MASA takes whole LR pixels: wherever the part is stacked, it must not lie between them."""
    photo = resized(scene[:236, :316], 1 / SCALE)  # 59×79, so that no middle is at a whole pixel
    reference = turned(resized(np.ascontiguousarray(scene[crop]), factor), 8)
    _, parts = align(photo, reference, SCALE)
    stacked = StackReferences(size=None).transform(dict(ref=parts))['ref']
    ref_down = resized(stacked, 1 / SCALE).astype(int)
    piece = photo[20:40, 30:70]
    pieces = np.lib.stride_tricks.sliding_window_view(ref_down, piece.shape)
    assert np.abs(pieces - piece).mean(axis=(2, 3, 4, 5)).min() < 2


@pytest.mark.parametrize(
    'make',
    [
        lambda scene: data.chelsea()[:240, :320],
        lambda scene: np.ascontiguousarray(scene[:, ::-1]),
        lambda scene: np.full((200, 300, 3), 128, np.uint8),
        lambda scene: np.ascontiguousarray(scene[:1, :1]),
    ],
    ids=['something else', 'mirrored', 'without structure', 'one pixel'],
)
def test_what_cannot_be_aligned_is_left_alone(scene, lq, make):
    reference = make(scene)
    done, [image] = align(lq, reference, SCALE)
    assert done.by == 'nothing'
    assert done.in_words().startswith('not aligned: ')
    np.testing.assert_array_equal(image, reference)


def test_tiny_and_flat_photos(scene):
    for photo in (scene[:1, :1], np.zeros((30, 50, 3), np.uint8)):
        done, _ = align(np.ascontiguousarray(photo), scene, SCALE)
        assert done.by == 'nothing'


def test_what_is_as_coarse_as_the_photo_is_left_alone(scene, lq):
    """Enlarged to the frame it would have no texture to give, and as many pixels as the result."""
    for size, by in ((0.25, 'too coarse'), (0.35, 'key points')):
        reference = turned(resized(scene, size), 90)
        done, images = align(lq, reference, SCALE)
        assert done.by == by
        assert done.factor == pytest.approx(1 / size, rel=0.02)
        assert (images[0] is reference) == (by == 'too coarse')


def test_patches_tell_scale_and_turn(scene, lq):
    """MEM finds what the key points would have told."""
    candidate = choose(lq, np.rot90(resized(scene, 1.6)), SCALE)
    assert candidate == (pytest.approx(1 / 1.6, rel=0.02), 3)
    assert choose(lq, scene, SCALE) is None  # it is best as it is
    # Enough to see how it is turned, but its pixels are the photo's, enlarged.
    assert choose(lq, np.rot90(resized(scene, 0.24)), SCALE) is None
    assert choose(lq, data.chelsea()[:240, :320], SCALE) is None


def test_each_reference_by_itself(scene, lq):
    references = [grey_part(scene), data.chelsea()[:100, :100], lq]
    done, images = align_all(lq, references, SCALE)
    assert [alignment.by for alignment in done] == ['key points', 'nothing', 'nothing']
    assert images[-2] is references[1]
    assert images[-1] is lq  # the photo itself is no reference to align


@pytest.mark.parametrize(('degrees', 'cut', 'parts'), [(0, 0, 1), (5, 8, 2)])
def test_the_photo_is_seen_in_packed_references_where_places_say(scene, lq, degrees, cut, parts):
    """In a reference that keeps its pixels, and in a warped one behind another of another size."""
    rotated = Image.fromarray(scene).rotate(degrees, Image.Resampling.BICUBIC)
    given = np.asarray(rotated)[:, SCALE * cut :]
    stacked = stack(lq, [lq, given], SCALE, align='sift')
    assert [len(done.parts) for done in stacked.alignments] == [1, parts]
    points = np.stack(np.mgrid[:60, :80], axis=-1)
    [found] = Places(stacked.alignments, stacked.layout, SCALE)(points)
    shown = np.isfinite(found).all(axis=-1)
    assert not shown[:, : max(0, cut - 4)].any()
    assert shown[8:-8, 16:-8].all()
    y, x = np.nan_to_num(found).round().astype(int).T
    seen = stacked.ref_down[y.T, x.T]
    alike, contrast = local_agreement(lq, seen)
    inner = np.s_[8:-8, 16:-8]
    assert np.average(alike[inner], weights=contrast[inner]) > 0.95


def test_without_key_points_nothing_is_known(scene):
    stacked = stack(scene[:60, :80], [scene[100:160, 100:180]], SCALE, align='off')
    places = Places(stacked.alignments, stacked.layout, SCALE)
    assert places(np.zeros((5, 6, 2))).shape == (0, 5, 6, 2)
