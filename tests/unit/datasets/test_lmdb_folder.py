"""A packed folder gives what the folder gives, and is written whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from mmagic.registry import DATASETS
from mmengine.fileio import LmdbBackend
from mmengine.runner import Runner

from masasr_mm.datasets import CUFEDDataset
from masasr_mm.errors import UserError
from masasr_mm.images.io import decode_rgb
from tests.data_folders import make_cufed, write_images
from tests.scripts import load_tool

tool = load_tool('dataset_converters/cufed_to_lmdb.py')

LOAD = [dict(type='LoadRGBImage', key='gt'), dict(type='LoadRGBImage', key='ref')]


@pytest.fixture
def packed(tmp_path):
    """A CUFED folder, and the address of the same in a database."""
    root = make_cufed(tmp_path / 'train')
    tool.pack(CUFEDDataset(str(root)).image_paths(), str(root), tmp_path / 'train.lmdb')
    return root, f'lmdb://{tmp_path}/train.lmdb'


def build(root, kind='CUFEDDataset', **options):
    return DATASETS.build(dict(type=kind, data_root=str(root), pipeline=LOAD, **options))


def test_training_pairs(packed):
    files, database = (build(root) for root in packed)
    assert len(database) == len(files) == 3
    for index in range(3):
        have, need = database[index], files[index]
        assert have['key'] == need['key']
        assert have['gt_path'] == f'{packed[1]}/input/{have["key"]}.png'
        for key in ('gt', 'ref'):
            np.testing.assert_array_equal(have[key], need[key])
    assert not np.array_equal(files[0]['gt'], files[1]['gt'])


def test_worker_processes(packed):
    """The main process has opened the database before the workers are made."""
    files, database = (build(root) for root in packed)
    assert database[0]['gt'].shape == (10, 12, 3)
    loader = Runner.build_dataloader(
        dict(
            dataset=database,
            batch_size=1,
            num_workers=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate'),
        )
    )
    for have, need in zip(loader, files):
        np.testing.assert_array_equal(have['ref'][0], need['ref'])


def test_mistakes_are_told(packed, tmp_path):
    with pytest.raises(UserError, match=r'train\.lmdb/input/none\.png: .* not in the database'):
        build(packed[1]).pipeline(dict(gt_path=f'{packed[1]}/input/none.png', ref_path=''))
    with pytest.raises(UserError, match=r'none\.lmdb/input: there is no such folder'):
        build(f'lmdb://{tmp_path}/none.lmdb')
    with pytest.raises(UserError, match=r'it should look like lmdb://FOLDER\.lmdb'):
        build(f'lmdb://{tmp_path}/train')
    broken = tmp_path / 'broken.lmdb'
    broken.mkdir()
    (broken / 'data.mdb').write_bytes(b'no database' * 1000)
    with pytest.raises(UserError, match='the LMDB database cannot be read'):
        build(f'lmdb://{broken}')


@pytest.fixture
def paths(tmp_path):
    write_images(tmp_path / 'images', ['b.png', 'a.png'], (40, 30))
    return [str(tmp_path / 'images' / name) for name in ('b.png', 'a.png')]


def left(tmp_path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir() if path.name != 'images')


def test_a_database_grows_as_needed(paths, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, 'FIRST_MAP_SIZE', 2**14)
    out = tmp_path / 'new' / 'x.lmdb'
    assert tool.pack(paths, str(tmp_path / 'images'), out) == 2
    backend = LmdbBackend(out)
    assert backend.get('.files') == b'a.png\nb.png'
    for path in paths:
        with open(path, 'rb') as file:
            assert backend.get(path.rpartition('/')[2]) == file.read()
    assert left(tmp_path / 'new') == ['x.lmdb']


def test_decoded_images_have_the_same_pixels(paths, tmp_path):
    tool.pack(paths, str(tmp_path / 'images'), tmp_path / 'x.lmdb', decoded=True)
    backend = LmdbBackend(tmp_path / 'x.lmdb')
    for path in paths:
        content = backend.get(path.rpartition('/')[2])
        assert content.startswith(b'P6')
        with open(path, 'rb') as file:
            expected = decode_rgb(file.read(), path)
        np.testing.assert_array_equal(decode_rgb(content, path), expected)


def test_nothing_is_left_of_a_failure(paths, tmp_path):
    def interrupted():
        yield paths[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tool.pack(interrupted(), str(tmp_path / 'images'), tmp_path / 'x.lmdb')
    assert left(tmp_path) == []
    with open(paths[1], 'r+b') as file:
        file.truncate(100)
    with pytest.raises(UserError, match=r'a\.png: cannot be read as an image'):
        tool.pack(paths, str(tmp_path / 'images'), tmp_path / 'x.lmdb')
    with pytest.raises(UserError, match=r'image not found: .*none\.png'):
        tool.pack([f'{tmp_path}/none.png'], str(tmp_path), tmp_path / 'x.lmdb')
    assert left(tmp_path) == []


def test_mistakes(paths, tmp_path):
    with pytest.raises(UserError, match=r'x: the name of the database must end in \.lmdb'):
        tool.pack(paths, str(tmp_path), tmp_path / 'x')
    (tmp_path / 'x.lmdb').touch()
    with pytest.raises(UserError, match=r'x\.lmdb: exists'):
        tool.pack(paths, str(tmp_path), tmp_path / 'x.lmdb')
    write_images(tmp_path / 'images', ['ü.png'])
    with pytest.raises(UserError, match=r'ü\.png: LMDB takes names in ASCII alone'):
        tool.pack([str(tmp_path / 'images' / 'ü.png')], str(tmp_path), tmp_path / 'y.lmdb')
    with pytest.raises(UserError, match=r'cannot write .*z\.lmdb: File exists'):
        tool.pack(paths, str(tmp_path), f'{paths[0]}/z.lmdb')
    assert left(tmp_path) == ['x.lmdb']
