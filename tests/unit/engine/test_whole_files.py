"""Files that mmengine writes, whole or not at all."""

from __future__ import annotations

import os

import pytest
from mmengine.fileio import get_file_backend, put, put_text

from masasr_mm.engine.whole_files import remove_unfinished
from masasr_mm.errors import UserError

WHOLE = dict(backend='whole')


def test_written(tmp_path):
    path = tmp_path / 'new' / 'a.pth'
    put(b'one', path, backend_args=WHOLE)
    put(b'two', path, backend_args=WHOLE)
    put_text('größer', tmp_path / 'a.txt', backend_args=WHOLE)
    assert path.read_bytes() == b'two'
    assert (tmp_path / 'a.txt').read_text('utf-8') == 'größer'
    assert sorted(item.name for item in tmp_path.rglob('*')) == ['a.pth', 'a.txt', 'new']


def test_a_failure_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / 'a.pth'
    put(b'older', path, backend_args=WHOLE)

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(UserError, match=r'cannot write .*a\.pth: No space left'):
        get_file_backend(backend_args=WHOLE).put(b'newer', path)
    assert path.read_bytes() == b'older'
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_else_is_removed(tmp_path):
    names = ['iter_2.pth', '.hidden', '.a12_b34z.pth', '.a12_b34z.png', '.pth', '.longer-name.pth']
    for name in names:
        (tmp_path / name).write_text('')
    assert remove_unfinished(tmp_path, '.pth') == [tmp_path / '.a12_b34z.pth']
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted(
        name for name in names if name != '.a12_b34z.pth'
    )
    assert remove_unfinished(tmp_path / 'missing', '.pth') == []
