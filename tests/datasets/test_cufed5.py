"""CUFED5 and its similarity levels."""

from __future__ import annotations

import pytest

from masasr_mm.datasets import CUFED5Dataset
from masasr_mm.errors import UserError

from .folders import make_cufed5, write_images


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


def test_fewer_references_and_other_endings(tmp_path):
    write_images(tmp_path, ['my_photo_0.jpg', 'my_photo_1.png', 'my_photo_2.JPG'])
    item = CUFED5Dataset(str(tmp_path)).get_data_info(0)
    assert item['key'] == 'my_photo'
    assert item['ref_path'] == [str(tmp_path / f'my_photo_{end}') for end in ('1.png', '2.JPG')]


def error_of(root, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        CUFED5Dataset(str(root), **kwargs)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_missing_and_empty_folder(tmp_path):
    assert f'{tmp_path}/none: there is no such folder' in error_of(tmp_path / 'none')
    assert 'no .png or .jpg or .jpeg file' in error_of(tmp_path)


@pytest.mark.parametrize('hole', [0, 1, 3])
def test_hole(tmp_path, hole):
    make_cufed5(tmp_path)
    (tmp_path / f'001_{hole}.png').unlink()
    message = error_of(tmp_path)
    assert f'{tmp_path}/001_{hole}: ' in message
    assert 'of image 001 is missing' in message
    assert ('HR image' in message) == (hole == 0)


def test_image_without_references(tmp_path):
    write_images(tmp_path, ['000_0.png'])
    assert '000_1: a reference of image 000 is missing' in error_of(tmp_path)


def test_unequal_counts(tmp_path):
    make_cufed5(tmp_path)
    (tmp_path / '001_5.png').unlink()
    assert 'image 001 has 4 references, but image 000 has 5' in error_of(tmp_path)


@pytest.mark.parametrize('name', ['cover.png', '000-1.png', '000_6.png', '000_10.png', '_0.png'])
def test_name_that_does_not_fit(tmp_path, name):
    make_cufed5(tmp_path)
    write_images(tmp_path, [name])
    assert f'{tmp_path}/{name}: the name does not end in' in error_of(tmp_path)


def test_two_files_for_one_image(tmp_path):
    make_cufed5(tmp_path)
    write_images(tmp_path, ['000_2.jpg'])
    message = error_of(tmp_path)
    assert '000_2.png: a second file' in message
    assert 'beside 000_2.jpg' in message


def test_level_that_is_not_there(tmp_path):
    make_cufed5(tmp_path, references=2)
    assert len(CUFED5Dataset(str(tmp_path), level=2)) == 2
    assert 'level=3, but the images have 2 references' in error_of(tmp_path, level=3)
    assert 'levels are 1 to 5' in error_of(tmp_path, level=0)
    assert 'levels are 1 to 5' in error_of(tmp_path, level=6)
