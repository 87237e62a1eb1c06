"""From the file of a photo to the file of its result, with bicubic enlargement for a network."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from masasr_mm.images.io import as_photo, read_photo, read_rgb
from masasr_mm.images.pixels import in_bits, resize
from masasr_mm.photos.jobs import Job, PhotoOptions
from masasr_mm.photos.pipeline import PhotoPipeline
from masasr_mm.photos.prediction import Prediction

RGB = data.coffee()[100:124, 200:230]
DEEP = RGB.astype(np.uint16) * 257 + 31
TWELVE = DEEP >> 4


class Bicubic:
    """Enlarges four times, with as many bits as are asked for."""

    scale = 4

    def predict(self, lq, ref, bits=8):
        photo = as_photo(lq)
        sr = resize(in_bits(photo.visible(), bits), 4 * photo.size[0], 4 * photo.size[1])
        refs = tuple(image.in_colors_of(photo) for image in ref)
        deep = sr if bits == 16 else None
        return Prediction(in_bits(sr, 8), in_bits(photo.rgb, 8), *refs[:1] * 2, 1, None,
                          references=refs, image16=deep)  # fmt: skip


def run(tmp_path, image, kind='tiff', ref=RGB, **options):
    """Return the result's file and what was warned of it."""
    for name, pixels in (('photo', image), ('ref', ref)):
        photometric = 'rgb' if pixels.ndim > 2 else 'minisblack'
        tifffile.imwrite(tmp_path / f'{name}.tif', pixels, photometric=photometric, metadata=None)
    job = Job(tmp_path / 'photo.tif', (tmp_path / 'ref.tif',), tmp_path / f'out.{kind}')
    asked = PhotoOptions([str(job.lq)], [str(job.refs[0])], **options)
    outcome = PhotoPipeline(kind, asked, Bicubic())(job)
    assert outcome.status == 'written', outcome.line
    return job.out, outcome.warnings


@pytest.mark.parametrize('kind', ['png', 'tiff'])
def test_results_have_the_bits_of_their_photos(kind, tmp_path):
    out, warnings = run(tmp_path, DEEP, kind)
    have = read_photo(out)
    np.testing.assert_array_equal(have.rgb, resize(DEEP, 120, 96))
    assert (have.bits, warnings) == (16, ())
    for image, depth, bits in ((DEEP, 8, 8), (RGB, None, 8), (RGB, 16, 16)):
        assert read_photo(run(tmp_path, image, kind, depth=depth)[0]).bits == bits
    with Image.open(run(tmp_path, DEEP, 'jpg', depth=16)[0]) as image:
        assert image.mode == 'RGB'


def test_a_range_of_its_own_is_kept_or_stretched(tmp_path):
    """White of 12 bits is 16 of 255 in JPEG, with a word, or 255."""
    out, [warning] = run(tmp_path, TWELVE)
    assert 'of 65535 and does not say what is white' in warning
    plain = tifffile.imread(out)
    assert np.abs(plain - resize(TWELVE, 120, 96).astype(int)).max() <= 1
    out, warnings = run(tmp_path, TWELVE, stretch=True)
    stretched = tifffile.imread(out).astype(int)
    assert not warnings
    assert (stretched.min(), stretched.max()) == (TWELVE.min(), TWELVE.max())
    assert np.abs(stretched - plain).max() <= 5
    assert read_rgb(run(tmp_path, TWELVE, 'jpg', stretch=True)[0]).max() > 240
    assert read_rgb(run(tmp_path, TWELVE, 'jpg')[0]).max() < 20


def test_what_is_known_of_a_reference_is_told(tmp_path):
    _, [warning] = run(tmp_path, RGB, ref=np.stack([RGB[::-1]] * 2))
    assert warning.endswith('ref.tif has 2 pages; the first is taken')
    _, [warning] = run(tmp_path, RGB, ref=TWELVE)
    assert 'ref.tif has values from' in warning
    assert not run(tmp_path, RGB, ref=TWELVE, stretch=True)[1]


def test_a_copy_of_the_photo_is_named_as_such(tmp_path):
    """But for its whole size, where the photo is made smaller first."""
    _, [warning] = run(tmp_path, RGB, ref=RGB.copy())
    assert warning.endswith('ref.tif is the photo itself, which adds no detail')
    assert not run(tmp_path, RGB, ref=RGB.copy(), reduce_first=2)[1]


@pytest.mark.parametrize('times', [1, 2])
def test_opacity_and_metadata_are_of_the_size_of_the_result(times, tmp_path):
    """Whether the photo was made smaller first or not."""
    rgba = np.dstack([RGB, np.uint8(255 * (np.indices((24, 30)).sum(axis=0) % 17 > 6))])
    Image.fromarray(rgba).save(tmp_path / 'photo.png', dpi=(100, 100))
    Image.fromarray(RGB).save(tmp_path / 'ref.png')
    job = Job(tmp_path / 'photo.png', (tmp_path / 'ref.png',), tmp_path / 'out.png')
    asked = PhotoOptions([str(job.lq)], [str(job.refs[0])], reduce_first=times)
    assert PhotoPipeline('png', asked, Bicubic())(job).status == 'written'
    with Image.open(job.out) as image:
        assert image.size == (120 // times, 96 // times)
        assert image.mode == 'RGBA'
        assert image.info['dpi'] == pytest.approx((400 / times,) * 2, abs=0.1)
