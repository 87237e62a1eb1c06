"""Databases are written whole or not at all."""

from __future__ import annotations

import os

import numpy as np
import pytest
from mmengine.fileio import LmdbBackend

from masasr_mm.datasets import lmdb_packing
from masasr_mm.datasets.lmdb_packing import pack
from masasr_mm.errors import UserError
from masasr_mm.images.io import decode_rgb

from .folders import write_images


@pytest.fixture
def paths(tmp_path):
    write_images(tmp_path / 'images', ['b.png', 'a.png'], (40, 30))
    return [str(tmp_path / 'images' / name) for name in ('b.png', 'a.png')]


def left(tmp_path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir() if path.name != 'images')


def test_a_database_grows_as_needed(paths, tmp_path, monkeypatch):
    monkeypatch.setattr(lmdb_packing, 'FIRST_MAP_SIZE', 2**14)
    out = tmp_path / 'new' / 'x.lmdb'
    assert pack(paths, str(tmp_path / 'images'), out) == 2
    backend = LmdbBackend(out)
    assert backend.get('.files') == b'a.png\nb.png'
    for path in paths:
        with open(path, 'rb') as file:
            assert backend.get(path.rpartition('/')[2]) == file.read()
    assert left(tmp_path / 'new') == ['x.lmdb']


def test_decoded_images_have_the_same_pixels(paths, tmp_path):
    pack(paths, str(tmp_path / 'images'), tmp_path / 'x.lmdb', decoded=True)
    backend = LmdbBackend(tmp_path / 'x.lmdb')
    for path in paths:
        content = backend.get(path.rpartition('/')[2])
        assert content.startswith(b'P6')
        with open(path, 'rb') as file:
            expected = decode_rgb(file.read(), path)
        np.testing.assert_array_equal(decode_rgb(content, path), expected)


def test_others_may_read_it_as_the_umask_says(paths, tmp_path):
    before = os.umask(0o027)
    try:
        pack(paths, str(tmp_path / 'images'), tmp_path / 'x.lmdb')
    finally:
        os.umask(before)
    assert (tmp_path / 'x.lmdb').stat().st_mode & 0o777 == 0o750


def test_nothing_is_left_of_a_failure(paths, tmp_path):
    def interrupted():
        yield paths[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(interrupted(), str(tmp_path / 'images'), tmp_path / 'x.lmdb')
    assert left(tmp_path) == []
    with open(paths[1], 'r+b') as file:
        file.truncate(100)
    with pytest.raises(UserError, match=r'a\.png: cannot be read as an image'):
        pack(paths, str(tmp_path / 'images'), tmp_path / 'x.lmdb')
    with pytest.raises(UserError, match=r'none\.png: the image file cannot be read'):
        pack([f'{tmp_path}/none.png'], str(tmp_path), tmp_path / 'x.lmdb')
    assert left(tmp_path) == []


def test_mistakes(paths, tmp_path):
    with pytest.raises(UserError, match=r'x: the name of the database must end in \.lmdb'):
        pack(paths, str(tmp_path), tmp_path / 'x')
    (tmp_path / 'x.lmdb').touch()
    with pytest.raises(UserError, match=r'x\.lmdb: exists'):
        pack(paths, str(tmp_path), tmp_path / 'x.lmdb')
    write_images(tmp_path / 'images', ['ü.png'])
    with pytest.raises(UserError, match=r'ü\.png: LMDB takes names in ASCII alone'):
        pack([str(tmp_path / 'images' / 'ü.png')], str(tmp_path), tmp_path / 'y.lmdb')
    with pytest.raises(UserError, match=r'cannot write .*z\.lmdb: File exists'):
        pack(paths, str(tmp_path), f'{paths[0]}/z.lmdb')
    assert left(tmp_path) == ['x.lmdb']
