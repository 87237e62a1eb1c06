"""Data sets: what their layouts pair, what they say of a layout that is wrong, and broken files."""

from __future__ import annotations

import os

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


def keys(dataset) -> list[str]:
    return [dataset.get_data_info(index)['key'] for index in range(len(dataset))]


def test_files_are_sorted_whatever_the_order_of_the_file_system(tmp_path, monkeypatch):
    write_images(tmp_path, ['b.png', 'a.png', 'c.png'])
    listing = LocalBackend.list_dir_or_file

    def backwards(self, *args, **kwargs):
        return sorted(listing(self, *args, **kwargs), reverse=True)

    monkeypatch.setattr(LocalBackend, 'list_dir_or_file', backwards)
    assert keys(Urban100Dataset(str(tmp_path))) == ['a', 'b', 'c']


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


LOAD = [dict(type='LoadRGBImage', key='gt'), dict(type='LoadRGBImage', key='ref')]


class TestBrokenFiles:
    @pytest.fixture
    def root(self, tmp_path):
        root = make_cufed(tmp_path, [f'{name}.png' for name in 'abcdef'])
        for name in ('input/b.png', 'ref/c.png', 'input/f.png'):
            (root / name).write_bytes((root / name).read_bytes()[:60])
        return root

    def test_the_first_one_stops_unless_told_otherwise(self, root):
        dataset = CUFEDDataset(str(root), pipeline=LOAD)
        with pytest.raises(BrokenFileError, match=r'input/b\.png'):
            dataset[1]
        assert dataset.broken_items() == []

    def test_the_next_whole_item_takes_the_place(self, root):
        dataset = CUFEDDataset(str(root), pipeline=LOAD, max_broken=3)
        assert [dataset[index]['key'] for index in range(6)] == ['a', 'd', 'd', 'd', 'e', 'a']
        assert [item['key'] for item in dataset.broken_items()] == ['b', 'c', 'f']
        assert [dataset[index]['key'] for index in (5, 1)] == ['a', 'd']
        assert len(dataset.broken_items()) == 3

    def test_the_budget_ends(self, root):
        dataset = CUFEDDataset(str(root), pipeline=LOAD, max_broken=2)
        assert dataset[1]['key'] == 'd'
        with pytest.raises(
            UserError, match=r'input/f\.png: .*; 3 items are broken, more than max_broken=2'
        ):
            dataset[5]

    def test_workers_count_together(self, root):
        dataset = CUFEDDataset(str(root), pipeline=LOAD, max_broken=3)
        loader = DataLoader(dataset, None, num_workers=2, multiprocessing_context='fork')
        assert [item['key'] for item in loader] == ['a', 'd', 'd', 'd', 'e', 'a']
        assert [item['key'] for item in dataset.broken_items()] == ['b', 'c', 'f']

    def test_a_test_needs_every_image(self, root):
        with pytest.raises(UserError, match='a test needs every image'):
            CUFEDDataset(str(root), pipeline=LOAD, max_broken=1, test_mode=True)

    def test_other_mistakes_are_not_passed_over(self, root):
        def fail(results):
            raise UserError('a wrong option')

        with pytest.raises(UserError, match='a wrong option'):
            CUFEDDataset(str(root), pipeline=[fail], max_broken=3)[0]


def test_items_pair_files_of_one_name(tmp_path):
    dataset = CUFEDDataset(str(make_cufed(tmp_path, ['10.png', '2.png'])))
    assert [dataset.get_data_info(index) for index in range(len(dataset))] == [
        dict(
            key=key,
            gt_path=str(tmp_path / 'input' / f'{key}.png'),
            ref_path=str(tmp_path / 'ref' / f'{key}.png'),
            sample_idx=index,
        )
        for index, key in enumerate(['10', '2'])
    ]


def test_other_files_do_not_count(tmp_path):
    make_cufed(tmp_path, ['a.png'])
    (tmp_path / 'input' / 'notes.txt').write_text('x')
    (tmp_path / 'input' / '.a.png').write_text('x')
    (tmp_path / 'input' / 'folder.png').mkdir()
    assert len(CUFEDDataset(str(tmp_path))) == 1


def error_of(root) -> str:
    with pytest.raises(UserError) as caught:
        CUFEDDataset(str(root))
    message = str(caught.value)
    assert '\n' not in message
    assert 'input/*.png and ref/*.png' in message
    return message


def test_missing_folder(tmp_path):
    assert f'{tmp_path}/input: there is no such folder' in error_of(tmp_path)
    write_images(tmp_path / 'input', ['a.png'])
    assert f'{tmp_path}/ref: there is no such folder' in error_of(tmp_path)


@pytest.mark.parametrize('kind', ['input', 'ref'])
def test_missing_partner(tmp_path, kind):
    make_cufed(tmp_path)
    (tmp_path / kind / 'b.png').unlink()
    message = error_of(tmp_path)
    assert message.startswith(f'{tmp_path}/{kind}/b.png: missing')
    counts = dict(input=3, ref=3)
    counts[kind] = 2
    assert f'{counts["input"]} input images, {counts["ref"]} references, 1 like this' in message


def test_all_references_in_order(tmp_path):
    dataset = CUFED5Dataset(str(make_cufed5(tmp_path)))
    assert len(dataset) == 2
    assert dataset.get_data_info(1) == dict(
        key='001',
        gt_path=str(tmp_path / '001_0.png'),
        ref_path=[str(tmp_path / f'001_{number}.png') for number in (1, 2, 3, 4, 5)],
        sample_idx=1,
    )
    assert len(dataset.image_paths()) == 12


@pytest.mark.parametrize('level', [1, 2, 3, 4, 5])
def test_one_level(tmp_path, level):
    dataset = CUFED5Dataset(str(make_cufed5(tmp_path)), level=level)
    assert dataset.get_data_info(0)['ref_path'] == str(tmp_path / f'000_{level}.png')
    assert dataset.get_data_info(0)['gt_path'] == str(tmp_path / '000_0.png')


def error_of_cufed5(root, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        CUFED5Dataset(str(root), **kwargs)
    assert '\n' not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize('hole', [0, 1, 3])
def test_hole(tmp_path, hole):
    make_cufed5(tmp_path)
    (tmp_path / f'001_{hole}.png').unlink()
    message = error_of_cufed5(tmp_path)
    assert f'{tmp_path}/001_{hole}: ' in message
    assert 'of image 001 is missing' in message
    assert ('HR image' in message) == (hole == 0)


@pytest.mark.parametrize('name', ['cover.png', '000-1.png', '000_6.png', '000_10.png', '_0.png'])
def test_name_that_does_not_fit(tmp_path, name):
    make_cufed5(tmp_path)
    write_images(tmp_path, [name])
    assert f'{tmp_path}/{name}: the name does not end in' in error_of_cufed5(tmp_path)


def test_two_files_for_one_image(tmp_path):
    make_cufed5(tmp_path)
    write_images(tmp_path, ['000_2.jpg'])
    message = error_of_cufed5(tmp_path)
    assert '000_2.png: a second file' in message
    assert 'beside 000_2.jpg' in message


def test_level_that_is_not_there(tmp_path):
    make_cufed5(tmp_path, references=2)
    assert len(CUFED5Dataset(str(tmp_path), level=2)) == 2
    assert 'level=3, but the images have 2 references' in error_of_cufed5(tmp_path, level=3)
    assert 'levels are 1 to 5' in error_of_cufed5(tmp_path, level=0)
    assert 'levels are 1 to 5' in error_of_cufed5(tmp_path, level=6)


NAMES = [f'sun_{index:02d}.jpg' for index in range(30)]


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> str:
    return str(make_sun80(tmp_path_factory.mktemp('sun'), NAMES, matches=6))


def choices(root: str, **kwargs) -> list[str]:
    dataset = Sun80Dataset(root, **kwargs)
    return [dataset.get_data_info(index)['ref_path'] for index in range(len(dataset))]


def test_choice_is_varied_and_depends_on_the_seed(root):
    first = [os.path.basename(path) for path in choices(root)]
    # Of 30 fair draws from 6, more than half on one is a chance of less than 1 in 100,000.
    assert max(first.count(name) for name in set(first)) <= 15
    assert len(set(first)) >= 4
    assert choices(root, seed=1) != choices(root)


def test_choice_is_the_same_on_every_machine(tmp_path):
    # The checksum of '0/<name>' modulo 20, computed with sha256sum.
    make_sun80(tmp_path, ['0001.jpg', '0002.jpg', '0003.jpg'], matches=20)
    expected = ['09.jpg', '11.jpg', '00.jpg']
    assert [os.path.basename(path) for path in choices(str(tmp_path))] == expected


def test_items_have_no_reference(tmp_path):
    write_images(tmp_path, ['img_002.png', 'img_001.png', 'img_001_LR.jpg'])
    dataset = Urban100Dataset(str(tmp_path))
    assert [dataset.get_data_info(index) for index in range(len(dataset))] == [
        dict(key=key, gt_path=str(tmp_path / f'{key}.png'), sample_idx=index)
        for index, key in enumerate(['img_001', 'img_002'])
    ]
    assert dataset.image_paths() == [str(tmp_path / f'img_00{n}.png') for n in (1, 2)]


def test_urban100_missing_and_empty_folder(tmp_path):
    with pytest.raises(UserError, match=r'none: there is no such folder; .* expects \*\.png'):
        Urban100Dataset(str(tmp_path / 'none'))
    with pytest.raises(UserError, match=r'there is no \.png file in this folder'):
        Urban100Dataset(str(tmp_path))


@pytest.fixture
def folder(tmp_path):
    for index in range(5):
        Image.new('RGB', (8, 8), (index, 0, 0)).save(tmp_path / f'{index}.png')
    return tmp_path


def test_most_references_are_the_same_patch_and_some_another(folder):
    np.random.seed(0)
    dataset = PhotoPatchDataset(str(folder), unlike=0.25)
    items = [dataset.get_data_info(index % 5) for index in range(4000)]
    assert [item['key'] for item in items[:5]] == list('01234')
    other = np.mean([item['gt_path'] != item['ref_path'] for item in items])
    assert other == pytest.approx(0.25 * 4 / 5, abs=0.03)  # a fifth of the draws is the same one
    assert {item['ref_path'] for item in items} == {str(folder / f'{i}.png') for i in range(5)}
