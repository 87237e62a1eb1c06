"""CUFED's training pairs."""

from __future__ import annotations

import pytest

from masasr_mm.datasets import CUFEDDataset
from masasr_mm.errors import UserError

from .folders import make_cufed, write_images


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


def test_empty_folder(tmp_path):
    (tmp_path / 'input').mkdir()
    assert f'{tmp_path}/input: there is no .png or .jpg or .jpeg file' in error_of(tmp_path)


@pytest.mark.parametrize('kind', ['input', 'ref'])
def test_missing_partner(tmp_path, kind):
    make_cufed(tmp_path)
    (tmp_path / kind / 'b.png').unlink()
    message = error_of(tmp_path)
    assert message.startswith(f'{tmp_path}/{kind}/b.png: missing')
    counts = dict(input=3, ref=3)
    counts[kind] = 2
    assert f'{counts["input"]} input images, {counts["ref"]} references, 1 like this' in message


def test_default_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r'^data/CUFED/train/input: there is no such folder'):
        CUFEDDataset()
