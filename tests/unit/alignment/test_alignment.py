"""A reference that was changed in a known way is brought back to where it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from skimage import data

from masasr_mm.alignment import align, align_all
from masasr_mm.alignment.align import choose
from masasr_mm.alignment.warping import seen
from masasr_mm.datasets.transforms import StackReferences

SCALE = 4


@pytest.fixture(scope='module')
def scene() -> np.ndarray:
    """A photograph with detail, 240 high and 320 wide."""
    return np.array(Image.fromarray(data.coffee()).resize((320, 240), Image.Resampling.LANCZOS))


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


def psnr(image: np.ndarray, truth: np.ndarray, rim: int = 12) -> float:
    inner = (slice(rim, -rim), slice(rim, -rim))
    error = image[inner].astype(float) - truth[inner]
    return 10 * math.log10(255**2 / (error**2).mean())


CHANGES = {
    'as it is': (lambda image: image, 1, 0),
    'enlarged': (lambda image: resized(image, 2.5), 1 / 2.5, 0),
    'turned by a quarter': (lambda image: np.ascontiguousarray(np.rot90(image)), 1, -90),
    'upside down': (lambda image: np.ascontiguousarray(image[::-1, ::-1]), 1, 180),
    'turned a little': (lambda image: turned(image, 25), 1, -25),
    'enlarged and turned': (lambda image: turned(resized(image, 1.7), 130), 1 / 1.7, -130),
}


@pytest.mark.parametrize(('change', 'factor', 'angle'), CHANGES.values(), ids=CHANGES.keys())
def test_changed_references_come_back(scene, lq, change, factor, angle):
    done, images = align(lq, change(scene), SCALE)
    warped, whole = images[0], images[-1]
    assert len(images) == (1 if factor == 1 and angle % 90 == 0 else 2)
    assert done.by == 'key points'
    assert done.factor == pytest.approx(factor, rel=0.02)
    assert abs((done.angle - angle + 180) % 360 - 180) < 1
    assert warped.shape == scene.shape
    enlarged = resized(lq, SCALE)
    assert psnr(warped, scene) > max(27, psnr(enlarged, scene) + 3)
    assert min(whole.shape[:2]) >= 239


def test_a_reference_that_fits_keeps_every_pixel(scene, lq):
    """The whole is not interpolated where scale and angle are right, nor by a quarter turn."""
    shifted = np.ascontiguousarray(scene[:, 40:])
    for turns in range(4):
        _, images = align(lq, np.ascontiguousarray(np.rot90(shifted, turns)), SCALE)
        np.testing.assert_array_equal(images[-1][:240, :280], shifted)


def test_parts_know_where_their_pixels_came_from(scene, lq):
    """A mark in the reference lies where the parts say, in both of them."""
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
    assert warped.shape == photo.shape
    assert max(whole.shape[:2]) <= 1.5 * 240 + 2 * SCALE
    assert psnr(warped, photo, rim=8) > 27


@pytest.mark.parametrize('crop', [np.s_[:, 100:], np.s_[30:170], np.s_[:]])
@pytest.mark.parametrize('factor', [1, 1.3])
def test_the_reduced_part_holds_the_photos_own_pixels(scene, crop, factor):
    """MASA takes whole LR pixels: wherever the part is stacked, it must not lie between them."""
    photo = resized(scene[:236, :316], 1 / SCALE)  # 59×79, so that no middle is at a whole pixel
    reference = turned(resized(np.ascontiguousarray(scene[crop]), factor), 8)
    _, parts = align(photo, reference, SCALE)
    stacked = StackReferences(size=None).transform(dict(ref=parts))['ref']
    ref_down = resized(stacked, 1 / SCALE).astype(int)
    piece = photo[20:40, 30:70]
    pieces = np.lib.stride_tricks.sliding_window_view(ref_down, piece.shape)
    errors = np.abs(pieces - piece).mean(axis=(2, 3, 4, 5))
    assert errors.min() < 2


NOISE = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
STRIPES = np.uint8([40] * 6 + [200] * 6)[:, None]
UNUSABLE = {
    'a photo of something else': lambda scene: data.chelsea()[:240, :320],
    'mirrored': lambda scene: np.ascontiguousarray(scene[:, ::-1]),
    'without structure': lambda scene: np.full((200, 300, 3), 128, np.uint8),
    'stripes': lambda scene: np.tile(np.uint8([40] * 6 + [200] * 6), (240, 25))[..., None].repeat(
        3, 2
    ),
    'noise': lambda scene: NOISE,
    '8×8': lambda scene: np.ascontiguousarray(scene[:8, :8]),
    'one pixel': lambda scene: np.ascontiguousarray(scene[:1, :1]),
    'a strip': lambda scene: np.ascontiguousarray(scene[100:104]),
}


@pytest.mark.parametrize('make', UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_cannot_be_aligned_is_left_alone(scene, lq, make):
    reference = make(scene)
    done, images = align(lq, reference, SCALE)
    assert done.by == 'nothing'
    assert done.in_words().startswith('not aligned: ')
    [image] = images
    np.testing.assert_array_equal(image, reference)


@pytest.mark.parametrize('degrees', [0, 90])
def test_what_is_as_coarse_as_the_photo_is_left_alone(scene, lq, degrees):
    """Enlarged to the frame it would have no texture to give, and as many pixels as the result."""
    for size, by in ((0.25, 'too coarse'), (0.35, 'key points')):
        reference = turned(resized(scene, size), degrees)
        done, _ = align(lq, reference, SCALE)
        assert done.by == by
        assert done.factor == pytest.approx(1 / size, rel=0.02)
    coarse = turned(resized(scene, 0.25), degrees)
    done, [image] = align(lq, coarse, SCALE)
    np.testing.assert_array_equal(image, coarse)
    told = f'not aligned: hardly finer than the photo, {done.matches} matches'
    assert done.in_words() == told


@pytest.mark.parametrize('size', [(240, 320), (12000, 16000)])
def test_how_much_of_a_frame_is_seen(size):
    """Without as many numbers as a large frame has pixels."""
    height, width = size
    quarter = np.diag([0.5, 0.5, 1.0])
    quarter[:2, 2] = width / 3, height / 4
    assert seen(size, quarter, size) == pytest.approx(0.25, abs=0.01)
    quarter[:2, 2] = width * 0.75, 0
    assert seen(size, quarter, size) == pytest.approx(0.125, abs=0.01)
    assert seen(size, np.eye(3), size) == 1


def test_tiny_and_flat_photos(scene):
    for photo in (scene[:1, :1], scene[:8, :8], np.zeros((30, 50, 3), np.uint8)):
        done, _ = align(np.ascontiguousarray(photo), scene, SCALE)
        assert done.by == 'nothing'


def test_grey_references_of_another_shape(scene, lq):
    grey = np.repeat(scene.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    done, _ = align(lq, np.ascontiguousarray(grey[30:200]), SCALE)
    assert done.by == 'key points'


def test_patches_tell_scale_and_turn(scene, lq):
    """MEM finds what the key points would have told."""
    for turns, factor in ((0, 1.6), (1, 2.0), (3, 0.5)):
        candidate = choose(lq, np.rot90(resized(scene, factor), turns), SCALE)
        assert candidate is not None
        assert candidate == (pytest.approx(1 / factor, rel=0.02), -turns % 4)
    assert choose(lq, scene, SCALE) is None  # it is best as it is
    # Enough to see how it is turned, but its pixels are the photo's, enlarged.
    assert choose(lq, np.rot90(resized(scene, 0.24)), SCALE) is None
    assert choose(lq, np.rot90(resized(scene, 0.29)), SCALE)[1] == 3
    assert choose(lq, data.chelsea()[:240, :320], SCALE) is None


def test_each_reference_by_itself(scene, lq):
    references = [turned(scene, 90), data.chelsea()[:100, :100], lq]
    done, images = align_all(lq, references, SCALE)
    assert [alignment.by for alignment in done] == ['key points', 'nothing', 'nothing']
    assert len(images) == 3
    assert done[2].parts[0].size == lq.shape[:2]  # the photo itself is no reference to align


def test_in_words(scene, lq):
    done, _ = align(lq, turned(resized(scene, 2.5), -90), SCALE)
    assert done.in_words() == f'aligned: reference ×0.40, turned 90°, {done.matches} matches'
    assert done._replace(angle=0.2).in_words().startswith('aligned: reference ×0.40, ')
    assert done._replace(by='nothing', matches=1).in_words() == 'not aligned: 1 match'
