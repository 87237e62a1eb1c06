"""What the page does with files, without the page."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from PIL import Image
from PIL.ExifTags import Base

from masasr_mm.apis import MASAInferencer
from masasr_mm.demo.service import Limits, Service, describe, devices
from masasr_mm.errors import UserError
from masasr_mm.visualization.match_picture import draw_matches
from tests.conftest import REPOSITORY
from tests.photos.made_up import itself, prediction


@pytest.fixture
def files(photos, tmp_path):
    """An LR photo with transparency, and two references."""
    lq, ref, other = photos
    paths = [tmp_path / name for name in ('a photo.png', 'ref.jpg', 'other.png')]
    rgba = Image.fromarray(lq)
    rgba.putalpha(200)
    for path, image in zip(paths, (rgba, Image.fromarray(ref), Image.fromarray(other))):
        image.save(path)
    return [str(path) for path in paths]


@pytest.fixture
def make(small_checkpoint, tmp_path):
    """A service with other limits than usual."""
    (tmp_path / 'results').mkdir()
    return lambda **limits: Service(
        str(small_checkpoint), None, tmp_path / 'results', Limits(**limits)
    )


def test_the_result_is_the_apis(make, files, small_checkpoint):
    lq, ref, other = files
    told = []
    service = make()
    service.warm_up('cpu')
    result = service.super_resolve(lq, [ref, other], 'cpu', report=lambda *now: told.append(now))
    expected = MASAInferencer(small_checkpoint, device='cpu').predict(lq, [ref, other])
    np.testing.assert_array_equal(result.image, expected.image)
    with Image.open(result.file) as image:
        written = np.asarray(image)
    np.testing.assert_array_equal(written[..., :3], expected.image)
    assert (written[..., 3] == 200).all()
    assert result.file.name == 'a photo_x4.png'
    bicubic = Image.fromarray(expected.lq).resize((240, 224), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(result.enlarged, np.asarray(bicubic))
    shown = expected.shown()
    drawn = draw_matches(
        expected.lq, expected.image, shown.ref, shown.matches, shown.num_refs, shown.texture
    )
    np.testing.assert_array_equal(result.matches, drawn)
    assert result.message.startswith('60×56 → 240×224 pixels. ')
    assert [what for _, what in told] == [
        'reading the files', 'super-resolving', 'aligning the references', 'super-resolving',
        'drawing the matches',
    ]  # fmt: skip


def test_a_network_that_tells_no_matches(tmp_path):
    config = REPOSITORY / 'configs' / 'peers' / 'srcnn_x4_cufed5.py'
    network = MODELS.build(dict(type='SRCNNNet', channels=(3, 64, 32, 3)))
    weights = {f'generator.{key}': value for key, value in network.state_dict().items()}
    torch.save(dict(state_dict=weights), tmp_path / 'srcnn.pth')
    service = Service(str(tmp_path / 'srcnn.pth'), str(config), tmp_path, Limits())
    with pytest.raises(UserError, match='where the texture comes from, which this network does'):
        service.warm_up('cpu')


def test_the_place_is_told_only_if_asked_for(make, files, tmp_path):
    """Of a phone's photo, HEIC."""
    pillow_heif = pytest.importorskip('pillow_heif')
    block = Image.Exif()
    block[Base.Make] = 'Maker'
    with Image.open(files[0]) as image:
        photo = tmp_path / 'photo.heic'
        pillow_heif.from_pillow(image.convert('RGB')).save(photo, exif=block.tobytes())
    service = make()
    for keep, told in ((False, {}), (True, {Base.Make: 'Maker'})):
        result = service.super_resolve(str(photo), [files[1]], 'cpu', keep_metadata=keep)
        with Image.open(result.file) as image:
            assert dict(image.getexif()) == told
        assert ('tells no date, camera or place' in result.message) is not keep


@pytest.fixture
def same(photos, tmp_path) -> str:
    """A reference that untrained features recognise: the photo enlarged."""
    path = tmp_path / 'same.png'
    Image.fromarray(photos[0]).resize((240, 224), Image.Resampling.BICUBIC).save(path)
    return str(path)


def test_tiles_give_the_same_and_tell_how_far_they_are(make, files, same):
    lq, ref, told = files[0], same, []
    service = make()
    whole = service.super_resolve(lq, [ref], 'cpu', tile=None)
    tiled = service.super_resolve(lq, [ref], 'cpu', 32, lambda *now: told.append(now))
    assert np.abs(whole.image.astype(int) - tiled.image).max() <= 1
    shares = [share for share, what in told if what == 'fusing at 4×']
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1


def test_a_reference_of_something_else_is_warned_of(make, files, same):
    lq, _, other = files
    service = make()
    assert 'show little' in service.super_resolve(lq, [other], 'cpu').message
    result = service.super_resolve(lq, [same], 'cpu')
    assert 'show little' not in result.message


def test_the_page_says_what_became_of_references_that_show_little():
    little = prediction(itself()[::-1, ::-1])
    kept, left_out = describe(little), describe(little._replace(left_out=0.5))
    assert 'show little of the photo' in kept
    assert 'its own' not in kept
    assert '**The references show little of the photo**, so it was its own reference' in left_out
    assert 'show what is in the photo' in describe(prediction(itself()))


def test_what_is_asked_too_much_is_told(make, files, tmp_path):
    lq, ref, other = files
    (tmp_path / 'rubbish.png').write_bytes(b'rubbish')
    rubbish = str(tmp_path / 'rubbish.png')
    for limits, arguments, message in (
        ({}, (None, [ref]), 'upload a photo'),
        ({}, (lq, None), 'upload at least one reference'),
        ({}, (lq, []), 'upload at least one reference'),
        ({}, (rubbish, [ref]), r'^rubbish\.png: not an image'),
        ({}, (lq, [ref, rubbish]), r'^rubbish\.png: not an image'),
        ({}, (str(tmp_path / 'gone.png'), [ref]), r'^gone\.png has been deleted'),
        (dict(refs=1), (lq, [ref, other]), '2 references are too many, at most 1'),
        (dict(photo_megapixels=0.003), (lq, [ref]), r'^a photo\.png has 0\.0 megapixels'),
        (dict(ref_megapixels=0.06), (lq, [ref, other]), '^the 2 references have 0.1 megapixels'),
        (dict(file_megabytes=0.001), (lq, [ref]), r'^a photo\.png: 0\.0 MB, more than 0\.001 MB'),
    ):
        with pytest.raises(UserError, match=message) as error:
            make(**limits).super_resolve(*arguments, 'cpu')
        assert str(tmp_path) not in str(error.value)


def test_previews_are_small(make, photos, tmp_path):
    large = Image.fromarray(photos[1]).resize((960, 1200))
    large.save(tmp_path / 'large.png')
    [preview] = make().preview([str(tmp_path / 'large.png')])
    assert preview.shape == (480, 384, 3)
    (tmp_path / 'rubbish.png').write_bytes(b'rubbish')
    with pytest.raises(UserError, match=r'^rubbish\.png'):
        make().preview([str(tmp_path / 'rubbish.png')])


def test_use_begins_the_time_to_live_anew(make, files):
    lq, ref, _ = files
    for path in files:
        os.utime(path, (0, 0))
    make().preview([lq, ref])
    ages = [time.time() - os.stat(path).st_mtime for path in files]
    assert max(ages[:2]) < 60 < ages[2]


def test_a_wrong_checkpoint_is_told_before_anyone_comes(tmp_path):
    with pytest.raises(UserError, match='checkpoint not found'):
        Service('missing.pth', None, tmp_path, Limits()).warm_up('cpu')


def test_the_processor_is_always_there():
    assert devices()[-1] == 'cpu'


def test_limits_are_told_in_words():
    assert Limits(0.5, 12, 5, 2, 20).in_words() == (
        'Photos of at most 0.5 megapixels, at most 5 references of 12 megapixels together, files '
        'of at most 2 MB. Your files are deleted after 20 seconds.'
    )
    words = Limits(1, 1, 1, 1, 60).in_words()
    assert words.startswith('Photos of at most 1 megapixel, at most 1 reference of 1 megapixel tog')
    assert words.endswith('after 1 minute.')
