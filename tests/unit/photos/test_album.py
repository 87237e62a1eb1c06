"""Finding references in a folder, with photographs of scikit-image for an album."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

from masasr_mm.apis import find_references
from masasr_mm.errors import UserError
from masasr_mm.images.io import Photo, write_photo
from masasr_mm.photos import album as album_module
from masasr_mm.photos.album import Album, file_names
from masasr_mm.photos.postprocessing import postprocess

SCENE = np.asarray(Image.fromarray(data.coffee()).resize((420, 280)))
PHOTO = np.asarray(Image.fromarray(SCENE[28:252, 42:378]).resize((84, 56)))


ALL = {'near.jpg', 'part.jpg', 'turned.jpg'}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> tuple[Path, Path]:
    """An album with views of the scene and photos of others, and its index."""
    root = tmp_path_factory.mktemp('made')
    views = dict(near=SCENE[:260, 15:], turned=np.rot90(SCENE[12:]))
    others = dict(cat=data.chelsea()[:200, :300], cup=SCENE[:30, :30])
    deeper = {'deeper/part': SCENE[70:200, 90:300]}
    for name, image in {**views, **others, **deeper}.items():
        path = root / 'album' / f'{name}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=90)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(root / 'cache'))
        album = Album(root / 'album')
        assert album.update() == []
    return album.folder, album.file


@pytest.fixture
def bare(made, tmp_path) -> Path:
    """A copy of the album without an index."""
    return shutil.copytree(made[0], tmp_path / 'album')


@pytest.fixture
def folder(made, bare) -> Path:
    """A copy of the album with its index."""
    shutil.copy(made[1], Album(bare).file)
    return bare


def names(found) -> list[str]:
    return [reference.path.name for reference in found]


def held(album: Album) -> set[bytes]:
    with sqlite3.connect(album.file) as index:
        return {name for (name,) in index.execute('SELECT path FROM images')}


def test_the_best_views_are_found_below_the_folder(folder):
    found = find_references(PHOTO, folder, count=9)
    assert set(names(found)) == ALL
    near, part = (found[names(found).index(name)] for name in ('near.jpg', 'part.jpg'))
    assert found[-1] is part  # the same detail of less of the photo
    assert part.path == folder / 'deeper' / 'part.jpg'
    assert near.gain == pytest.approx(4, rel=0.03)
    assert part.covered == pytest.approx(130 * 210 / (224 * 336), abs=0.05)
    assert near.covered > 0.98
    assert near.matches > part.matches > 0
    assert not any(reference.original for reference in found)
    assert names(find_references(PHOTO, folder, count=1)) == names(found)[:1]


def test_copies_count_once_and_a_larger_original_comes_first(folder):
    original = Image.fromarray(SCENE[28:252, 42:378])
    for index, size in enumerate(((336, 224), (335, 223), (300, 200), (270, 180), (240, 160))):
        original.resize(size).save(folder / f'copy{index}.jpg', quality=80 + index)
    [first, *others] = find_references(PHOTO, folder, count=9)
    assert first.original
    assert file_names([first, others[0]]) == (
        f'{first.path.name} (the original), {others[0].path.name}'
    )
    assert first.gain == pytest.approx(4, rel=0.03)
    assert set(names(others)) == ALL
    for path in folder.glob('copy*'):
        path.unlink()
    Image.fromarray(SCENE[30:254, 45:381]).save(folder / 'next.jpg', quality=90)
    assert 'next.jpg' in names(found := find_references(PHOTO, folder))
    assert not any(reference.original for reference in found)


def test_the_photo_and_what_is_as_coarse_are_no_references(folder):
    photo = folder / 'photo.png'
    Image.fromarray(PHOTO).save(photo)
    Image.fromarray(PHOTO).save(folder / 'same.jpg')
    Image.fromarray(PHOTO).resize((63, 42)).save(folder / 'small.png')
    Image.fromarray(SCENE).resize((105, 70)).save(folder / 'coarse.png')
    for name in ('photo_x4.png', 'photo_1920px.jpg'):  # what the command makes
        Image.fromarray(SCENE[10:270, :400]).save(folder / name)
    assert set(names(find_references(photo, folder, 9))) == ALL
    without = [folder / 'near.jpg', folder / 'missing.jpg']
    assert set(names(Album(folder).find(PHOTO, 9, without=without))) == ALL - {'near.jpg'}


@pytest.mark.parametrize('kind', ['png', 'jpg', 'webp', 'tiff'])
def test_results_under_other_names_are_no_references(folder, kind):
    result, _ = postprocess(Photo(SCENE[10:266:4, :400:4]), SCENE[10:266, :400], kind)
    write_photo(result, folder / f'better.{kind}', kind)
    assert set(names(find_references(PHOTO, folder, 9))) == ALL


def test_what_is_enlarged_or_blurred_is_no_reference(folder):
    """However many pixels it has; the same view of a sharp lens is."""
    for path in folder.rglob('*.jpg'):
        path.unlink()
    view = Image.fromarray(SCENE[:260, 15:])
    small = view.resize((101, 65))
    small.resize(view.size, Image.Resampling.BICUBIC).save(folder / 'enlarged.jpg', quality=95)
    view.filter(ImageFilter.GaussianBlur(2.4)).save(folder / 'blurred.jpg', quality=95)
    assert find_references(PHOTO, folder) == []
    view.save(folder / 'sharp.jpg', quality=95)
    assert names(find_references(PHOTO, folder)) == ['sharp.jpg']


@pytest.mark.skipif(os.name == 'nt', reason='names of files are text on Windows')
def test_names_that_are_no_text(folder):
    os.rename(os.fsencode(folder / 'near.jpg'), os.fsencode(folder) + b'/\xff.jpg')
    assert '\udcff.jpg' in names(find_references(PHOTO, folder))


@pytest.mark.parametrize('photo', [data.astronaut()[:80, 100:200], np.full_like(PHOTO, 128)])
def test_nothing_similar(photo, folder):
    assert find_references(photo, folder) == []


def test_a_short_list_is_verified_where_images_are_many(folder, monkeypatch):
    """Words alone choose it, and put views of the scene first."""
    monkeypatch.setattr(album_module, 'SHORT_LIST', 3)
    assert set(names(find_references(PHOTO, folder))) == ALL


def test_only_what_is_new_or_changed_is_looked_at(folder, monkeypatch):
    looked = []
    describe = album_module._describe
    monkeypatch.setattr(
        album_module, '_describe', lambda path: looked.append(path.name) or describe(path)
    )
    assert Album(folder).update() == []
    assert not looked
    shutil.copy(folder / 'near.jpg', folder / 'new.jpg')
    shutil.copy(folder / 'cat.jpg', folder / 'cup.jpg')
    (folder / 'turned.jpg').unlink()
    again = Album(folder)
    again.update()
    assert sorted(looked) == ['cup.jpg', 'new.jpg']
    assert held(again) == {b'near.jpg', b'new.jpg', b'cat.jpg', b'cup.jpg', b'deeper/part.jpg'}
    assert len(again.find(PHOTO, 9)) == 2  # new.jpg is a copy


def test_broken_files_are_told_once(folder):
    broken = folder / 'broken.jpg'
    broken.write_bytes((folder / 'near.jpg').read_bytes()[:2000])
    [line] = Album(folder).update()
    assert line.startswith(f'{broken}: ')
    assert '\n' not in line
    assert Album(folder).update() == []
    broken.write_bytes(b'')
    assert len(Album(folder).update()) == 1
    assert 'broken.jpg' not in names(find_references(PHOTO, folder, 9))


def test_folders_that_cannot_be_read_are_told(folder, monkeypatch):
    scan = os.scandir

    def scandir(path):
        if Path(path).name == 'deeper':
            raise PermissionError(13, 'Permission denied', str(path))
        return scan(path)

    monkeypatch.setattr(os, 'scandir', scandir)
    told = Album(folder).update()
    assert told == [f'{folder}/deeper: cannot be read: Permission denied; left out']
    assert set(names(find_references(PHOTO, folder, 9))) == ALL - {'part.jpg'}


def test_what_was_done_survives_an_interruption(bare, monkeypatch):
    monkeypatch.setattr(album_module, 'BATCH', 1)
    describe, looked = album_module._describe, []

    def interrupted(path):
        looked.append(path.name)
        if len(looked) == 4:
            raise KeyboardInterrupt
        return describe(path)

    monkeypatch.setattr(album_module, '_describe', interrupted)
    with pytest.raises(KeyboardInterrupt):
        Album(bare).update()
    assert len(held(Album(bare))) == 3
    Album(bare).update()
    assert len(looked) == 4 + 2
    assert len(held(Album(bare))) == 5


def test_two_at_once_help_each_other(bare, monkeypatch):
    monkeypatch.setattr(album_module, 'BATCH', 1)
    albums, told = [Album(bare), Album(bare)], []
    threads = [threading.Thread(target=lambda a=a: told.append(a.update())) for a in albums]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [[], []]
    assert [len(held(album)) for album in albums] == [5, 5]
    assert [names(album.find(PHOTO)) for album in albums] == [names(albums[0].find(PHOTO))] * 2


@pytest.mark.parametrize('damage', ['other', 'older'])
def test_an_index_that_cannot_be_used_is_made_anew(folder, damage):
    album = Album(folder)
    album.update()
    if damage == 'other':
        album.file.write_bytes(b'no database' * 500)
    else:
        with sqlite3.connect(album.file) as index:
            index.execute('DROP TABLE images')
            index.execute('PRAGMA user_version = 0')
    assert len(find_references(PHOTO, folder)) == 3


def test_refusals(folder, tmp_path, cache):
    with pytest.raises(UserError, match='no such folder'):
        find_references(PHOTO, tmp_path / 'missing')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='no image files'):
        find_references(PHOTO, tmp_path / 'empty')
    shutil.rmtree(cache)
    cache.write_text('a file in the way')
    with pytest.raises(UserError, match='XDG_CACHE_HOME'):
        find_references(PHOTO, folder)
    assert os.listdir(tmp_path / 'empty') == []
