"""tools/dataset_converters/cufed_to_lmdb.py."""

from __future__ import annotations

import pytest

from masasr_mm.datasets import CUFED5Dataset, CUFEDDataset
from tests.data_folders import make_cufed, make_cufed5
from tests.scripts import call_tool, load_tool


@pytest.fixture(scope='module')
def tool():
    return load_tool('dataset_converters/cufed_to_lmdb.py')


@pytest.mark.parametrize('decoded', [False, True])
def test_both_layouts(tool, monkeypatch, capsys, tmp_path, decoded):
    options = ['--decoded'] if decoded else []
    for kind, make, dataset, count in (
        ('cufed', make_cufed, CUFEDDataset, 6),
        ('cufed5', make_cufed5, CUFED5Dataset, 12),
    ):
        root, out = make(tmp_path / kind), tmp_path / f'{kind}.lmdb'
        assert not call_tool(tool, monkeypatch, kind, root, out, *options)
        printed = capsys.readouterr().out
        assert f'{out}: {count} images' in printed
        assert f'use data_root=lmdb://{out}' in printed
        names = [path.replace(f'lmdb://{out}', str(root)) for path in image_paths(dataset, out)]
        assert names == dataset(str(root)).image_paths()


def image_paths(dataset, out):
    return dataset(f'lmdb://{out}').image_paths()
