"""What the page does with files, without the page."""

from __future__ import annotations

import os
import shutil
import threading
import time

import numpy as np
import pytest
from PIL import Image, ImageFile
from PIL.ExifTags import Base

from masasr_mm.apis import MASAInferencer
from masasr_mm.demo import service as service_module
from masasr_mm.demo.service import MAX_WAITING, Job, JobCancelledError, Limits, Service, sweep
from masasr_mm.errors import UserError
from masasr_mm.photos.album import Album
from masasr_mm.visualization.match_picture import draw_matches
from tests.blocking import blocked, wait_until


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
def make(small_checkpoint, tmp_path, monkeypatch, request):
    """A service with other limits than usual, which draws where the test looks at the picture."""
    if request.node.name != 'test_the_result_is_the_apis':
        monkeypatch.setattr(service_module, 'draw_matches', lambda lq, *_: lq)
    (tmp_path / 'results').mkdir()
    return lambda album=None, **limits: Service(
        str(small_checkpoint), None, tmp_path / 'results', Limits(**limits), album
    )


@pytest.fixture
def decoded(monkeypatch) -> list[tuple[int, int]]:
    """The sizes of the images whose pixels were decoded."""
    sizes = []
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(
        ImageFile.ImageFile, 'load', lambda self: sizes.append(self.size) or load(self)
    )
    return sizes


def test_the_result_is_the_apis(make, files, small_checkpoint):
    lq, ref, other = files
    reported = []
    service = make()
    service.warm_up('cpu')
    result = service.super_resolve(Job(lq, [ref, other]), lambda *step: reported.append(step))
    expected = MASAInferencer(small_checkpoint, device='cpu').predict(lq, [ref, other])
    np.testing.assert_array_equal(result.image, expected.image)
    with Image.open(result.file) as image:
        written = np.asarray(image)
    np.testing.assert_array_equal(written[..., :3], expected.image)
    assert (written[..., 3] == 200).all()
    assert result.file.name == 'a photo_x4.png'
    bicubic = Image.fromarray(expected.lq).resize((240, 224), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(result.enlarged, np.asarray(bicubic))
    ref, count, maps, texture = expected.shown()
    drawn = draw_matches(expected.lq, expected.image, ref, maps, count, texture)
    np.testing.assert_array_equal(result.matches, drawn)
    assert result.message.startswith('60×56 → 240×224 pixels. ')
    steps = [what for _, what in reported]
    assert steps[0] == 'reading the files'
    assert 'aligning the references' in steps
    assert steps[-1] == 'drawing the matches'


def test_references_are_found_in_the_album(make, files, photos, tmp_path, monkeypatch):
    lq, ref, other = files
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    album = tmp_path / 'album'
    album.mkdir()
    shutil.copy(other, album)
    service = make(album=Album(album))
    service.album.update(shown=False)
    alone = service.super_resolve(Job(lq, None))
    assert 'Nothing in the album shows what is in the photo; it was its own' in alone.message
    np.testing.assert_array_equal(alone.image, service.super_resolve(Job(lq, [lq])).image)
    shutil.copy(ref, album / 'sharp.jpg')
    service.album.update(shown=False)
    found = service.super_resolve(Job(lq, []))
    assert ' Found in the album: sharp.jpg (agreement of' in found.message
    np.testing.assert_array_equal(found.image, service.super_resolve(Job(lq, [ref])).image)


def test_a_network_without_matches_is_refused(srcnn, tmp_path):
    _, weights, config = srcnn
    service = Service(str(weights), str(config), tmp_path, Limits())
    with pytest.raises(UserError, match='where the texture comes from, which this network does'):
        service.warm_up('cpu')


def test_the_place_is_kept_only_if_asked_for(make, files, tmp_path):
    """Of a phone's photo, HEIC."""
    pillow_heif = pytest.importorskip('pillow_heif')
    block = Image.Exif()
    block[Base.Make] = 'Maker'
    with Image.open(files[0]) as image:
        photo = tmp_path / 'photo.heic'
        pillow_heif.from_pillow(image.convert('RGB')).save(photo, exif=block.tobytes())
    service = make()
    for keep, expected in (
        (False, {}),
        (True, {Base.Make: 'Maker', Base.ProcessingSoftware: 'masasr_mm'}),
    ):
        result = service.super_resolve(Job(str(photo), [files[1]], keep_metadata=keep))
        with Image.open(result.file) as image:
            assert dict(image.getexif()) == expected
        assert ('holds no date, camera or place' in result.message) is not keep


@pytest.fixture
def same(photos, tmp_path) -> str:
    """A reference that untrained features recognise: the photo enlarged."""
    path = tmp_path / 'same.png'
    Image.fromarray(photos[0]).resize((240, 224), Image.Resampling.BICUBIC).save(path)
    return str(path)


def test_tiles_give_the_same_and_are_reported(make, files, same):
    lq, reported = files[0], []
    service = make()
    whole = service.super_resolve(Job(lq, [same], tile=None))
    tiled = service.super_resolve(Job(lq, [same], tile=32), lambda *step: reported.append(step))
    assert np.abs(whole.image.astype(int) - tiled.image).max() <= 1
    shares = [share for share, what in reported if what == 'fusing at 4×']
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1


def test_what_cannot_be_done_is_refused_in_one_line(make, files, tmp_path):
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
        (dict(refs=1), (lq, [ref, other]), '2 references are too many; this page takes at most 1'),
        (dict(file_megabytes=0.001), (lq, [ref]), r'^a photo\.png has 0\.00\d+ MB'),
    ):
        service = make(**limits)
        with pytest.raises(UserError, match=message) as error:
            service.super_resolve(Job(*arguments))
        assert str(tmp_path) not in str(error.value)
        assert service.files_in_use() == set()


def test_sizes_are_refused_before_pixels_are_decoded(make, files, decoded, tmp_path):
    """Else 21 KB of PNG would ask for 2.6 GB."""
    huge = str(tmp_path / 'huge.png')
    Image.new('1', (13300, 13300)).save(huge)
    assert os.path.getsize(huge) < 30_000
    refs = [str(tmp_path / f'{index}.png') for index in range(5)]
    for path in refs:
        Image.new('RGB', (2000, 1300)).save(path)
    service = make()
    for arguments, message in (
        (dict(photo=huge), 'huge.png has 177 megapixels; this page takes photos of at most 1 meg'),
        (dict(refs=[huge]), 'huge.png has 177 megapixels'),
        (dict(refs=refs), 'the 5 references have 13 megapixels; this page takes .* 12 megapixels'),
        (dict(refs=[*refs, refs[0]]), '6 references are too many'),
    ):
        with pytest.raises(UserError, match=message):
            service.preview(**arguments)
        job = Job(**{**dict(photo=files[0], refs=[files[1]]), **arguments})
        with pytest.raises(UserError, match=message):
            service.super_resolve(job)
    assert decoded == []


def test_waiting_jobs_keep_their_uploads_and_run_in_order(make, files, tmp_path):
    service, reported, ended, threads = make(), [], {}, []
    folder = tmp_path / 'uploads'
    folder.mkdir()

    def job(name: str) -> Job:
        paths = [folder / f'{name}.png', folder / f'{name}_ref.jpg']
        for path, content in zip(paths, files):
            shutil.copy(content, path)
        return Job(str(paths[0]), [str(paths[1])], visitor=name)

    def work(job: Job) -> None:
        """Take down how a job ends."""
        try:
            result = service.super_resolve(job, lambda *step: reported.append(step))
            ended[job.visitor] = result.image.shape
        except Exception as error:
            ended[job.visitor] = type(error)

    waiting = [f'waiting {index}' for index in range(MAX_WAITING)]
    with blocked(service._inferencer('cpu').generator) as (started, released):
        for index, name in enumerate(['first', *waiting]):
            threads.append(threading.Thread(target=work, args=[job(name)], daemon=True))
            threads[-1].start()
            wait_until(lambda count=2 * index + 2: len(service.files_in_use()) == count)
            assert index or started.wait(60)
        wait_until(lambda: (0, 'waiting for 20 jobs before this one') in reported)
        assert (0, 'waiting for 1 job before this one') in reported
        with pytest.raises(UserError, match='20 others are waiting already; try again later'):
            service.super_resolve(job('one too many'))

        # Their time is long over: they are in use all the same, the refused one's are not.
        for path in folder.iterdir():
            os.utime(path, (0, 0))
        sweep(folder, 10, service.files_in_use())
        left = {path.stem.removesuffix('_ref') for path in folder.iterdir()}
        assert left == {'first', *waiting}

        for name in waiting[1:]:
            service.cancel(name)
        wait_until(lambda: len(ended) == MAX_WAITING - 1)
        assert set(ended.values()) == {JobCancelledError}
        released.set()
        for thread in threads:
            thread.join(60)
    assert list(ended.items())[-2:] == [('first', (224, 240, 3)), (waiting[0], (224, 240, 3))]
    for name in ('first', waiting[0]):
        assert time.time() - os.stat(folder / f'{name}.png').st_mtime < 60
    assert service.files_in_use() == set()


def test_old_files_and_folders_are_deleted_and_others_stay(tmp_path):
    old, new, kept = (tmp_path / 'a' / 'old', tmp_path / 'b' / 'new', tmp_path / 'kept' / 'example')
    for path in (old, new, kept):
        path.parent.mkdir()
        path.touch()

    def everything_ages() -> None:
        for path in tmp_path.rglob('*'):
            if path != new:
                os.utime(path, (0, 0))

    for _ in range(2):  # a folder is as old as what happened in it last
        everything_ages()
        sweep(tmp_path, 50, keep={str(kept)})
    assert sorted(tmp_path.rglob('*')) == sorted([new.parent, new, kept.parent, kept])
