"""Patches that are their own reference, or now and then another one's."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from masasr_mm.datasets import PhotoPatchDataset
from masasr_mm.errors import UserError


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


def test_none_is_unlike_if_so_asked(folder):
    dataset = PhotoPatchDataset(str(folder), unlike=0)
    items = [dataset.get_data_info(index % 5) for index in range(200)]
    assert all(item['gt_path'] == item['ref_path'] for item in items)


def test_an_empty_folder_names_the_command(tmp_path):
    with pytest.raises(UserError, match=r'make_photos\.py'):
        PhotoPatchDataset(str(tmp_path))
