"""What mmengine offers for datasets works with those of this package."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from mmagic.datasets import BasicImageDataset
from mmagic.registry import DATASETS
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.fileio import LocalBackend
from PIL import Image
from torch.utils.data import DataLoader

from masasr_mm.datasets import (
    CUFED5Dataset,
    CUFEDDataset,
    PhotoPatchDataset,
    RefSRDataset,
    Sun80Dataset,
    Urban100Dataset,
)
from masasr_mm.datasets.transforms import LoadRGBImage
from masasr_mm.errors import BrokenFileError, UserError

from .folders import make_cufed, write_images


def keys(dataset) -> list[str]:
    return [dataset.get_data_info(index)['key'] for index in range(len(dataset))]


def test_registered_with_mmagic(tmp_path):
    dataset = DATASETS.build(dict(type='CUFEDDataset', data_root=str(make_cufed(tmp_path))))
    assert isinstance(dataset, RefSRDataset)
    assert isinstance(dataset, BasicImageDataset)
    assert len(dataset) == 3


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


@pytest.mark.parametrize('serialize_data', [True, False])
@pytest.mark.parametrize(('indices', 'expected'), [(2, ['a', 'b']), ([2, 0], ['c', 'a'])])
def test_indices(tmp_path, indices, expected, serialize_data):
    root = str(make_cufed(tmp_path))
    assert keys(CUFEDDataset(root, indices=indices, serialize_data=serialize_data)) == expected
    assert keys(CUFEDDataset(root, serialize_data=serialize_data).get_subset(indices)) == expected


def test_lazy_init_looks_at_the_folder_when_it_is_needed(tmp_path):
    dataset = CUFEDDataset(str(tmp_path / 'later'), lazy_init=True)
    assert dataset.metainfo['dataset_type'] == 'refsr'
    make_cufed(tmp_path / 'later')
    dataset.full_init()
    assert len(dataset) == 3
    with pytest.raises(UserError, match='no such folder'):
        len(CUFEDDataset(str(tmp_path / 'never'), lazy_init=True))


def test_metainfo_is_extended(tmp_path):
    dataset = CUFEDDataset(str(make_cufed(tmp_path)), metainfo=dict(dataset_type='mine', year=2021))
    assert dataset.metainfo == dict(dataset_type='mine', task_name='refsr', year=2021)


def test_datasets_share_no_settings(tmp_path):
    defaults = copy.deepcopy(BasicImageDataset.__init__.__defaults__)
    first, second = (CUFEDDataset(str(make_cufed(tmp_path))) for _ in range(2))
    assert first.filename_tmpl is not second.filename_tmpl
    assert BasicImageDataset.__init__.__defaults__ == defaults


def test_pipeline_and_test_mode(tmp_path):
    root = str(make_cufed(tmp_path))
    pipeline = [dict(type='LoadRGBImage', key='gt'), dict(type='LoadRGBImage', key='ref')]
    item = DATASETS.build(dict(type='CUFEDDataset', data_root=root, pipeline=pipeline))[0]
    assert item['gt'].shape == item['ref'].shape == (10, 12, 3)
    dataset = CUFEDDataset(root, pipeline=[lambda results: None], test_mode=True)
    with pytest.raises(Exception, match='should not get'):
        dataset[0]


def test_pickled_and_read_in_workers(tmp_path):
    root = str(make_cufed(tmp_path))
    dataset = CUFEDDataset(root, pipeline=[dict(type='LoadRGBImage', key='ref')])
    assert keys(pickle.loads(pickle.dumps(dataset))) == ['a', 'b', 'c']
    loader = DataLoader(dataset, batch_size=None, num_workers=2, multiprocessing_context='fork')
    for item, plain in zip(loader, dataset):
        assert item['key'] == plain['key']
        np.testing.assert_array_equal(item['ref'], plain['ref'])


def test_concatenated(tmp_path):
    first, second = make_cufed(tmp_path / 'x'), make_cufed(tmp_path / 'y', ['d.png'])
    both = ConcatDataset([CUFEDDataset(str(first)), CUFEDDataset(str(second))])
    assert both.get_data_info(3)['gt_path'] == str(second / 'input' / 'd.png')


def test_backend_args_choose_the_file_backend(tmp_path):
    dataset = CUFEDDataset(str(make_cufed(tmp_path)), backend_args=dict(backend='local'))
    assert isinstance(dataset.file_backend, LocalBackend)
    assert keys(dataset) == ['a', 'b', 'c']


def test_relative_root_starts_at_the_working_directory(tmp_path, monkeypatch):
    make_cufed(tmp_path / 'data/CUFED/train')
    monkeypatch.chdir(tmp_path)
    assert CUFEDDataset().get_data_info(1)['gt_path'] == 'data/CUFED/train/input/b.png'


def test_image_paths_has_each_file_once(tmp_path):
    root = make_cufed(tmp_path)
    expected = [str(root / kind / f'{name}.png') for name in 'abc' for kind in ('input', 'ref')]
    assert CUFEDDataset(str(root)).image_paths() == expected


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

    @pytest.mark.parametrize('context', ['fork', 'forkserver'])
    def test_workers_count_together(self, root, context):
        dataset = CUFEDDataset(str(root), pipeline=LOAD, max_broken=3)
        loader = DataLoader(dataset, None, num_workers=3, multiprocessing_context=context)
        assert [item['key'] for item in loader] == ['a', 'd', 'd', 'd', 'e', 'a']
        assert [item['key'] for item in dataset.broken_items()] == ['b', 'c', 'f']

    def test_a_mended_file_is_used_again(self, root):
        dataset = CUFEDDataset(str(root), pipeline=LOAD, max_broken=3)
        assert dataset[1]['key'] == 'd'
        (root / 'input/b.png').write_bytes((root / 'input/a.png').read_bytes())
        assert dataset[1]['key'] == 'b'

    def test_no_item_is_whole(self, tmp_path):
        root = make_cufed(tmp_path)
        for path in root.glob('ref/*.png'):
            path.write_bytes(b'')
        dataset = CUFEDDataset(str(root), pipeline=LOAD, max_broken=9)
        with pytest.raises(UserError, match='not one item can be read'):
            dataset[0]

    def test_a_test_needs_every_image(self, root):
        with pytest.raises(UserError, match='a test needs every image'):
            CUFEDDataset(str(root), pipeline=LOAD, max_broken=1, test_mode=True)

    def test_other_mistakes_are_not_passed_over(self, root):
        def fail(results):
            raise UserError('a wrong option')

        with pytest.raises(UserError, match='a wrong option'):
            CUFEDDataset(str(root), pipeline=[fail], max_broken=3)[0]

    def test_the_hook_finds_it_in_wrappers(self, root):
        from masasr_mm.engine.hooks.broken_data import refsr_datasets

        dataset = CUFEDDataset(str(root))
        assert list(refsr_datasets(ConcatDataset([dataset, dataset]))) == [dataset, dataset]
        assert list(refsr_datasets(RepeatDataset(dataset, 2))) == [dataset]
        assert list(refsr_datasets([1, 2])) == []
