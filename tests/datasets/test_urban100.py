"""Urban100."""

from __future__ import annotations

import pytest

from masasr_mm.datasets import Urban100Dataset
from masasr_mm.errors import UserError

from .folders import write_images


def test_items_have_no_reference(tmp_path):
    write_images(tmp_path, ['img_002.png', 'img_001.png', 'img_001_LR.jpg'])
    dataset = Urban100Dataset(str(tmp_path))
    assert [dataset.get_data_info(index) for index in range(len(dataset))] == [
        dict(key=key, gt_path=str(tmp_path / f'{key}.png'), sample_idx=index)
        for index, key in enumerate(['img_001', 'img_002'])
    ]
    assert dataset.image_paths() == [str(tmp_path / f'img_00{n}.png') for n in (1, 2)]


def test_missing_and_empty_folder(tmp_path):
    with pytest.raises(UserError, match=r'none: there is no such folder; .* expects \*\.png'):
        Urban100Dataset(str(tmp_path / 'none'))
    with pytest.raises(UserError, match=r'there is no \.png file in this folder'):
        Urban100Dataset(str(tmp_path))
