"""Writing whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from masasr_mm.errors import UserError
from masasr_mm.files import check_outputs, folder_written_whole, written_whole


def test_the_file_appears_when_all_went_well(tmp_path):
    path = tmp_path / 'new' / 'a.png'
    with written_whole(path) as temporary:
        assert temporary.suffix == '.png'
        temporary.write_text('whole')
        assert not path.exists()
    assert path.read_text() == 'whole'
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_an_error_or_interruption_leaves_nothing(tmp_path, error):
    def write():
        with written_whole(tmp_path / 'a.txt') as temporary:
            temporary.write_text('half')
            raise error

    with pytest.raises(error):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=[0o077, 0o022, 0o002])
def umask(request) -> Iterator[int]:
    """What a new file must not let others do, for a while."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_writer_may_put_a_file_of_its_own_there(tmp_path, umask):
    """As safetensors does, with permissions for nobody else."""
    with written_whole(tmp_path / 'a.txt') as temporary:
        (tmp_path / 'own.txt').write_text('whole')
        (tmp_path / 'own.txt').chmod(0o600)
        (tmp_path / 'own.txt').replace(temporary)
    assert permissions(tmp_path / 'a.txt') == 0o666 & ~umask


def test_a_file_that_is_there_keeps_its_permissions(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('old')
    path.chmod(0o640)
    with written_whole(path) as temporary:
        temporary.write_text('new')
    assert (path.read_text(), permissions(path)) == ('new', 0o640)


def write(path: Path, text: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(text)


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    """Also through two links, and where the target is not there yet."""
    (tmp_path / 'disk').mkdir()
    target, link, second = tmp_path / 'disk' / 'a.txt', tmp_path / 'b.txt', tmp_path / 'c.txt'
    target.write_text('old')
    link.symlink_to('disk/a.txt')
    second.symlink_to(link)
    write(second, 'new')
    assert (second.readlink(), link.readlink(), target.read_text()) == (
        link,
        Path('disk/a.txt'),
        'new',
    )
    target.unlink()
    write(link, 'newer')
    assert (link.is_symlink(), target.read_text()) == (True, 'newer')
    assert [path.name for path in target.parent.iterdir()] == ['a.txt']


def test_links_that_lead_nowhere_are_refused(tmp_path):
    (tmp_path / 'a.txt').symlink_to('b.txt')
    (tmp_path / 'b.txt').symlink_to('a.txt')
    with pytest.raises(UserError, match=r'cannot write .*a\.txt: Too many levels'):
        write(tmp_path / 'a.txt', 'new')
    (tmp_path / 'c.txt').symlink_to('gone/c.txt')
    with pytest.raises(UserError, match=r'c\.txt: it is a link to .*gone.c\.txt, whose folder'):
        write(tmp_path / 'c.txt', 'new')
    assert not (tmp_path / 'gone').exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.txt', 'b.txt', 'c.txt']


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='this system has no pipes with names')
def test_devices_and_pipes_are_not_replaced(tmp_path):
    """As root, a report to /dev/null would make a plain file of it."""
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(UserError, match=r'cannot write .*pipe: it is a device or a pipe'):
        write(tmp_path / 'pipe', 'new')
    assert (tmp_path / 'pipe').is_fifo()


def make(folder: Path, content: str) -> None:
    with folder_written_whole(folder) as made:
        (made / 'a.txt').write_text(content)


def test_a_folder_appears_when_all_went_well(tmp_path):
    """In the place of nothing, of an empty folder, and behind a link."""
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'behind')
    for name in ('new/folder', 'empty', 'link'):
        make(tmp_path / name, name)
        assert (tmp_path / name / 'a.txt').read_text() == name
    assert (tmp_path / 'link').is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['behind', 'empty', 'link', 'new']
    with suppress(KeyboardInterrupt), folder_written_whole(tmp_path / 'half') as made:
        (made / 'a.txt').write_text('half')
        raise KeyboardInterrupt
    assert not (tmp_path / 'half').exists()


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(tmp_path, monkeypatch):
    make(tmp_path / 'full', 'precious')
    (tmp_path / 'file').touch()
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    for path, message in (
        ('../full', 'full: exists; remove it or choose another folder'),
        ('../file', 'file: exists'),
        ('../file/folder', 'cannot write .*file.folder'),
        ('.', 'cannot be replaced as a whole; name a folder inside it'),
    ):
        with pytest.raises(UserError, match=message), folder_written_whole(path):
            raise AssertionError('work was done')
    assert (tmp_path / 'full' / 'a.txt').read_text() == 'precious'
    assert list((tmp_path / 'here').iterdir()) == []


@pytest.fixture
def inputs(tmp_path, monkeypatch) -> Path:
    """A photo, with a link and a hard link to it, and a folder that is a link, to work in."""
    monkeypatch.chdir(tmp_path)
    Path('photos').mkdir()
    photo = Path('photos/a.png')
    photo.write_text('photo')
    Path('link.png').symlink_to(photo)
    Path('hard.png').hardlink_to(photo)
    Path('album').symlink_to('photos', target_is_directory=True)
    Path('nowhere.png').symlink_to('gone/b.png')
    Path('dangling.png').symlink_to('photos/new.png')
    return photo


def listing() -> dict:
    return {path: path.is_file() and path.read_bytes() for path in Path().rglob('*')}


@pytest.mark.parametrize(
    ('outputs', 'words'),
    [
        (['photos/a.png'], r'^photos/a\.png is read and would be written over'),
        (['photos/../photos/a.png'], r'is read as photos/a\.png and'),
        (['album/a.png'], r'^album/a\.png is read as photos/a\.png'),
        (['link.png'], 'is read'),
        (['hard.png'], 'is read'),
        (['out/b.png', 'out/b.png'], r'^out/b\.png would be written twice;'),
        (['photos/b.png', 'album/b.png'], r'^album/b\.png .* twice, also as photos/b\.png'),
        (['photos/new.png', 'dangling.png'], 'twice'),
        (
            ['out/new/b.png', 'out/new'],
            r'^out/new would be both a file and the folder of out/new/b',
        ),
        (['photos'], 'photos is a folder'),
        (['photos/a.png/b.png'], r'cannot write photos/a\.png/b\.png: .*a\.png is a file'),
        (['nowhere.png'], 'whose folder is not there'),
        (['/proc/b.png'], 'cannot write /proc/b.png'),
        (['/dev/null'], 'a device or a pipe'),
        (['a' * 252 + '.png'], 'File name too long'),
        (['new/' + 'ä' * 126 + '.png'], 'File name too long'),
        (['a.' + 'x' * 250], 'File name too long'),  # its temporary file's
        (['new/' + 'a' * 256 + '/b.png'], 'File name too long'),
        (['new/' + 'a' * 99 + '/b' * 2000], 'File name too long'),
    ],
)
def test_what_must_not_be_written_is_refused_before(inputs, outputs, words):
    before = listing()
    with pytest.raises(UserError, match=words):
        check_outputs(outputs, [inputs, 'missing.png'])
    assert listing() == before


def test_what_may_be_written_leaves_no_trace(inputs):
    outputs = ['b.png', 'B.png', 'new/er/b.png', 'photos/b.png', 'dangling.png', inputs]
    outputs += ['a' * 251 + '.png', 'new/' + 'ä' * 125 + '.png']
    before = listing()
    check_outputs(outputs, ['missing.png'])
    assert listing() == before
