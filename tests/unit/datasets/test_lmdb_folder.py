"""A packed folder gives what the folder gives, and is written whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from mmagic.registry import DATASETS
from mmengine.fileio import LmdbBackend
from mmengine.runner import Runner

from masasr_mm.errors import UserError
from tests.data_folders import make_cufed, make_cufed5, write_images
from tests.scripts import call_tool, load_tool

tool = load_tool('dataset_converters/cufed_to_lmdb.py')

LOAD = [dict(type='LoadRGBImage', key='gt'), dict(type='LoadRGBImage', key='ref')]
LAYOUTS = dict(cufed=(make_cufed, 'CUFEDDataset', 6), cufed5=(make_cufed5, 'CUFED5Dataset', 12))


def build(root, kind: str = 'cufed'):
    return DATASETS.build(dict(type=LAYOUTS[kind][1], data_root=str(root), pipeline=LOAD))


@pytest.mark.parametrize('kind', LAYOUTS)
@pytest.mark.parametrize('decoded', [False, True])
def test_the_same_items(kind, decoded, tmp_path, monkeypatch, capsys):
    make, _, count = LAYOUTS[kind]
    root, out = make(tmp_path / 'data'), tmp_path / 'data.lmdb'
    options = ['--decoded'] if decoded else []
    assert not call_tool(tool, monkeypatch, kind, root, out, *options)
    printed = capsys.readouterr().out
    assert f'{out}: {count} images' in printed
    assert f'use data_root=lmdb://{out}' in printed
    files, database = build(root, kind), build(f'lmdb://{out}', kind)
    assert len(database) == len(files)
    paths = [path.replace(f'lmdb://{out}', str(root)) for path in database.image_paths()]
    assert paths == files.image_paths()
    for have, need in zip(database, files):
        assert have['key'] == need['key']
        for key in ('gt', 'ref'):
            np.testing.assert_array_equal(have[key], need[key])
    content = database.file_backend.get(database.image_paths()[0])
    assert content.startswith(b'P6' if decoded else b'\x89PNG')


@pytest.fixture
def packed(tmp_path):
    """A CUFED folder, and the address of the same in a database."""
    root = make_cufed(tmp_path / 'train')
    tool.pack(build(root).image_paths(), str(root), tmp_path / 'train.lmdb')
    return root, f'lmdb://{tmp_path}/train.lmdb'


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


def test_mistakes_of_who_reads_are_told(packed, tmp_path):
    with pytest.raises(UserError, match=r'train\.lmdb/input/none\.png: .* not in the database'):
        build(packed[1]).pipeline(dict(gt_path=f'{packed[1]}/input/none.png', ref_path=''))
    broken = tmp_path / 'broken.lmdb'
    broken.mkdir()
    (broken / 'data.mdb').write_bytes(b'no database' * 1000)
    for name, message in {
        'none.lmdb': r'none\.lmdb/input: there is no such folder',
        'train': r'it should look like lmdb://FOLDER\.lmdb',
        'broken.lmdb': 'the LMDB database cannot be read',
    }.items():
        with pytest.raises(UserError, match=message):
            build(f'lmdb://{tmp_path}/{name}')


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


def test_mistakes_of_who_writes_leave_nothing(paths, tmp_path):
    def interrupted():
        yield paths[0]
        raise KeyboardInterrupt

    images = tmp_path / 'images'
    with pytest.raises(KeyboardInterrupt):
        tool.pack(interrupted(), str(images), tmp_path / 'x.lmdb')
    (tmp_path / 'there.lmdb').touch()
    write_images(images, ['ü.png', 'half.png'])
    with (images / 'half.png').open('r+b') as file:
        file.truncate(100)
    for given, out, message in (
        ([images / 'half.png'], 'x.lmdb', r'half\.png: cannot be read as an image'),
        ([images / 'none.png'], 'x.lmdb', r'image not found: .*none\.png'),
        ([images / 'ü.png'], 'x.lmdb', r'ü\.png: LMDB takes names in ASCII alone'),
        (paths, 'x', r'x: the name of the database must end in \.lmdb'),
        (paths, 'there.lmdb', r'there\.lmdb: exists'),
        (paths, 'images/a.png/x.lmdb', r'cannot write .*x\.lmdb: File exists'),
    ):
        with pytest.raises(UserError, match=message):
            tool.pack(map(str, given), str(images), tmp_path / out)
    assert left(tmp_path) == ['there.lmdb']
