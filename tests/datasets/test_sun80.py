"""Sun80 and the choice of its scene matches."""

from __future__ import annotations

import os

import pytest

from masasr_mm.datasets import Sun80Dataset
from masasr_mm.errors import UserError

from .folders import make_sun80

NAMES = [f'sun_{index:02d}.jpg' for index in range(30)]


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> str:
    return str(make_sun80(tmp_path_factory.mktemp('sun'), NAMES, matches=6))


def choices(root: str, **kwargs) -> list[str]:
    dataset = Sun80Dataset(root, **kwargs)
    return [dataset.get_data_info(index)['ref_path'] for index in range(len(dataset))]


def test_items(root):
    item = Sun80Dataset(root).get_data_info(7)
    assert item['key'] == 'sun_07'
    assert item['gt_path'] == f'{root}/Sun_Hays_SR_groundtruth/sun_07.jpg'
    folder, name = os.path.split(item['ref_path'])
    assert folder == f'{root}/Sun_Hays_SR_scenematches/sun_07.jpg'
    assert name in [f'{index:02d}.jpg' for index in range(6)]


def test_choice_is_varied_and_depends_on_the_seed(root):
    first = [os.path.basename(path) for path in choices(root)]
    # Of 30 fair draws from 6, more than half on one is a chance of less than 1 in 100,000.
    assert max(first.count(name) for name in set(first)) <= 15
    assert len(set(first)) >= 4
    assert choices(root, seed=1) != choices(root)


def test_choice_does_not_depend_on_the_other_images(root):
    dataset = Sun80Dataset(root)
    subset = Sun80Dataset(root, indices=[7])
    assert subset.get_data_info(0)['ref_path'] == dataset.get_data_info(7)['ref_path']


def test_choice_is_the_same_on_every_machine(tmp_path):
    # The checksum of '0/<name>' modulo 20, computed with sha256sum.
    make_sun80(tmp_path, ['0001.jpg', '0002.jpg', '0003.jpg'], matches=20)
    expected = ['09.jpg', '11.jpg', '00.jpg']
    assert [os.path.basename(path) for path in choices(str(tmp_path))] == expected


def test_image_paths_has_all_scene_matches(root):
    paths = Sun80Dataset(root).image_paths()
    assert len(paths) == len(set(paths)) == 30 * 7


def error_of(root) -> str:
    with pytest.raises(UserError) as caught:
        Sun80Dataset(str(root))
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_missing_folders(tmp_path):
    assert 'Sun_Hays_SR_groundtruth: there is no such folder' in error_of(tmp_path)
    make_sun80(tmp_path, ['a.jpg'])
    make_sun80(tmp_path / 'other', ['b.jpg'])
    (tmp_path / 'other/Sun_Hays_SR_groundtruth/b.jpg').rename(
        tmp_path / 'Sun_Hays_SR_groundtruth/b.jpg'
    )
    assert 'Sun_Hays_SR_scenematches/b.jpg: there is no such folder' in error_of(tmp_path)


def test_empty_scene_matches(tmp_path):
    make_sun80(tmp_path, ['a.jpg'], matches=0)
    message = error_of(tmp_path)
    assert 'Sun_Hays_SR_scenematches/a.jpg: there is no .jpg or .jpeg file' in message
