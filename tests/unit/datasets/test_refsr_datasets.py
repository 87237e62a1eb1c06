"""Data sets: what their layouts pair, what they say of a layout that is wrong, and broken files."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
from mmengine.fileio import LocalBackend
from PIL import Image
from torch.utils.data import DataLoader

from masasr_mm.datasets import (
    CUFED5Dataset,
    CUFEDDataset,
    PhotoPatchDataset,
    Sun80Dataset,
    Urban100Dataset,
)
from masasr_mm.datasets.transforms import LoadRGBImage
from masasr_mm.errors import BrokenFileError, UserError
from tests.data_folders import make_cufed, make_cufed5, make_sun80, write_images


def items(dataset) -> list[dict]:
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def test_files_are_sorted_whatever_the_order_of_the_file_system(tmp_path, monkeypatch):
    write_images(tmp_path, ['b.png', 'a.png', 'c.png'])
    listing = LocalBackend.list_dir_or_file

    def backwards(self, *args, **kwargs):
        return sorted(listing(self, *args, **kwargs), reverse=True)

    monkeypatch.setattr(LocalBackend, 'list_dir_or_file', backwards)
    assert [item['key'] for item in items(Urban100Dataset(str(tmp_path)))] == ['a', 'b', 'c']


@pytest.mark.parametrize(
    ('dataset', 'names'),
    [
        (CUFEDDataset, ['input/a.HEIC', 'ref/a.HEIC']),
        (CUFED5Dataset, ['a_0.heic', 'a_1.png']),
        (Sun80Dataset, [
            'Sun_Hays_SR_groundtruth/a.heif', 'Sun_Hays_SR_scenematches/a.heif/1.HIF'
        ]),
        (Urban100Dataset, ['a.hif']),
        (PhotoPatchDataset, ['a.heic']),
    ],
)  # fmt: skip
def test_what_phones_write_is_listed_and_read(tmp_path, dataset, names):
    pillow_heif = pytest.importorskip('pillow_heif')
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pillow_heif.from_pillow(Image.new('RGB', (64, 64))).save(path)
    [item] = dataset(str(tmp_path), pipeline=[LoadRGBImage('gt')])
    assert item['key'].startswith('a')
    assert item['gt'].shape == (64, 64, 3)


class TestBrokenFiles:
    LOAD = [dict(type='LoadRGBImage', key='gt'), dict(type='LoadRGBImage', key='ref')]

    @pytest.fixture
    def root(self, tmp_path):
        root = make_cufed(tmp_path, [f'{name}.png' for name in 'abcdef'])
        for name in ('input/b.png', 'ref/c.png', 'input/f.png'):
            (root / name).write_bytes((root / name).read_bytes()[:60])
        return str(root)

    def test_what_stops(self, root):
        """The first one where nothing else is said, one too many, and other mistakes."""
        dataset = CUFEDDataset(root, pipeline=self.LOAD)
        with pytest.raises(BrokenFileError, match=r'input/b\.png'):
            dataset[1]
        assert dataset.broken_items() == []
        dataset = CUFEDDataset(root, pipeline=self.LOAD, max_broken=2)
        assert dataset[1]['key'] == 'd'
        message = r'input/f\.png: .*; 3 items are broken, more than max_broken=2'
        with pytest.raises(UserError, match=message):
            dataset[5]
        with pytest.raises(UserError, match='a test needs every image'):
            CUFEDDataset(root, pipeline=self.LOAD, max_broken=1, test_mode=True)

        def fail(results):
            raise UserError('a wrong option')

        with pytest.raises(UserError, match='a wrong option'):
            CUFEDDataset(root, pipeline=[fail], max_broken=3)[0]

    @pytest.mark.parametrize('workers', [0, 2])
    def test_the_next_whole_item_takes_the_place(self, root, workers):
        """Workers count together, and none twice."""
        dataset = CUFEDDataset(root, pipeline=self.LOAD, max_broken=3)
        options = dict(multiprocessing_context='fork') if workers else {}
        for _ in range(2):
            loader = DataLoader(dataset, None, num_workers=workers, **options)
            assert [item['key'] for item in loader] == ['a', 'd', 'd', 'd', 'e', 'a']
            assert [item['key'] for item in dataset.broken_items()] == ['b', 'c', 'f']


def test_pairs_are_files_of_one_name(tmp_path):
    """Other files do not count."""
    make_cufed(tmp_path, ['10.png', '2.png'])
    (tmp_path / 'input' / 'notes.txt').write_text('x')
    (tmp_path / 'input' / '.a.png').write_text('x')
    (tmp_path / 'input' / 'folder.png').mkdir()
    paths = [[str(tmp_path / kind / f'{key}.png') for kind in ('input', 'ref')] for key in (10, 2)]
    assert items(CUFEDDataset(str(tmp_path))) == [
        dict(key=key, gt_path=gt, ref_path=ref, sample_idx=index)
        for index, (key, (gt, ref)) in enumerate(zip(('10', '2'), paths))
    ]
    with pytest.raises(TypeError, match='img_suffix'):  # it would have no effect
        CUFEDDataset(str(tmp_path), img_suffix='.webp')


def refusal(kind, root, **options) -> str:
    with pytest.raises(UserError) as caught:
        kind(str(root), **options)
    return str(caught.value)


def test_pairs_without_a_folder_or_a_partner(tmp_path):
    assert f'{tmp_path}/input: there is no such folder' in refusal(CUFEDDataset, tmp_path)
    write_images(tmp_path / 'input', ['a.png'])
    message = refusal(CUFEDDataset, tmp_path)
    assert f'{tmp_path}/ref: there is no such folder' in message
    assert 'input/*.png and ref/*.png' in message
    for kind, counts in dict(input='2 input images, 3 ref', ref='3 input images, 2 ref').items():
        make_cufed(tmp_path)
        (tmp_path / kind / 'b.png').unlink()
        message = refusal(CUFEDDataset, tmp_path)
        assert message.startswith(f'{tmp_path}/{kind}/b.png: missing')
        assert f'{counts}erences, 1 like this' in message


def test_all_references_in_order_or_one_level(tmp_path):
    root = str(make_cufed5(tmp_path))
    paths = [str(tmp_path / f'001_{number}.png') for number in range(6)]
    item = dict(key='001', gt_path=paths[0], ref_path=paths[1:], sample_idx=1)
    dataset = CUFED5Dataset(root)
    assert len(dataset) == 2
    assert dataset.get_data_info(1) == item
    assert len(dataset.image_paths()) == 12
    for level in range(1, 6):
        assert CUFED5Dataset(root, level=level).get_data_info(1) == {
            **item,
            'ref_path': paths[level],
        }


@pytest.mark.parametrize(
    ('removed', 'added', 'message'),
    [
        ('001_0.png', None, '/001_0: the HR image of image 001 is missing'),
        ('001_1.png', None, '/001_1: a reference of image 001 is missing'),
        ('001_3.png', None, '/001_3: a reference of image 001 is missing'),
        ('001_5.png', None, ': image 001 has 4 references, but image 000 has 5'),
        *(
            (None, name, f'/{name}: the name does not end in')
            for name in ('cover.png', '000-1.png', '000_6.png', '000_10.png', '_0.png')
        ),
        (None, '000_2.jpg', '/000_2.png: a second file for the same image, beside 000_2.jpg'),
    ],
)
def test_cufed5_with_a_file_too_few_or_too_many(tmp_path, removed, added, message):
    make_cufed5(tmp_path)
    if removed:
        (tmp_path / removed).unlink()
    if added:
        write_images(tmp_path, [added])
    assert f'{tmp_path}{message}' in refusal(CUFED5Dataset, tmp_path)


def test_a_level_that_is_not_there(tmp_path):
    make_cufed5(tmp_path, references=2)
    assert len(CUFED5Dataset(str(tmp_path), level=2)) == 2
    message = refusal(CUFED5Dataset, tmp_path, level=3)
    assert 'level=3, but the images have 2 references' in message
    for level in (0, 6):
        assert 'levels are 1 to 5' in refusal(CUFED5Dataset, tmp_path, level=level)


def choices(root, **kwargs) -> list[str]:
    return [os.path.basename(item['ref_path']) for item in items(Sun80Dataset(str(root), **kwargs))]


def test_a_scene_match_is_drawn_alike_on_every_machine_and_otherwise_for_another_seed(tmp_path):
    names = ['0001.jpg', '0002.jpg', '0003.jpg', *(f'sun_{index:02d}.jpg' for index in range(27))]
    drawn = choices(make_sun80(tmp_path, names, matches=20))
    # The checksum of '0/<name>' modulo 20, computed with sha256sum.
    assert drawn[:3] == ['09.jpg', '11.jpg', '00.jpg']
    assert len(set(drawn)) > 10
    assert choices(tmp_path, seed=1) != drawn


def test_urban100_has_no_references(tmp_path):
    assert 'there is no .png file in this folder' in refusal(Urban100Dataset, tmp_path)
    message = refusal(Urban100Dataset, tmp_path / 'none')
    assert re.search(r'none: there is no such folder; .* expects \*\.png', message)
    write_images(tmp_path, ['img_002.png', 'img_001.png', 'img_001_LR.jpg'])
    dataset = Urban100Dataset(str(tmp_path))
    paths = [str(tmp_path / f'img_00{number}.png') for number in (1, 2)]
    assert items(dataset) == [
        dict(key=f'img_00{index + 1}', gt_path=path, sample_idx=index)
        for index, path in enumerate(paths)
    ]
    assert dataset.image_paths() == paths


def test_most_references_are_the_same_patch_and_some_another(tmp_path):
    write_images(tmp_path, [f'{index}.png' for index in range(5)])
    np.random.seed(0)
    dataset = PhotoPatchDataset(str(tmp_path), unlike=0.25)
    drawn = [dataset.get_data_info(index % 5) for index in range(4000)]
    assert [item['key'] for item in drawn[:5]] == list('01234')
    other = np.mean([item['gt_path'] != item['ref_path'] for item in drawn])
    assert other == pytest.approx(0.25 * 4 / 5, abs=0.03)  # a fifth of the draws is the same one
    assert {item['ref_path'] for item in drawn} == {str(tmp_path / f'{i}.png') for i in range(5)}
