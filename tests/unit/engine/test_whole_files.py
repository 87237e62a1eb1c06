"""Files that mmengine writes, whole or not at all."""

from __future__ import annotations

import os

import pytest
from mmengine.fileio import get_file_backend, put, put_text

from masasr_mm.engine.whole_files import remove_unfinished
from masasr_mm.errors import UserError

WHOLE = dict(backend='whole')


def test_written_or_not(tmp_path, monkeypatch):
    """A failure leaves the older file."""
    put_text('größer', tmp_path / 'new' / 'a.txt', backend_args=WHOLE)
    assert (tmp_path / 'new' / 'a.txt').read_text('utf-8') == 'größer'
    path = tmp_path / 'new' / 'a.pth'
    put(b'older', path, backend_args=WHOLE)

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(UserError, match=r'cannot write .*a\.pth: No space left'):
        get_file_backend(backend_args=WHOLE).put(b'newer', path)
    assert path.read_bytes() == b'older'
    assert sorted(item.name for item in path.parent.iterdir()) == ['a.pth', 'a.txt']


def test_nothing_else_is_removed(tmp_path):
    names = ['iter_2.pth', '.hidden', '.a12_b34z.pth', '.a12_b34z.png', '.pth', '.longer-name.pth']
    for name in names:
        (tmp_path / name).write_text('')
    assert remove_unfinished(tmp_path, '.pth') == [tmp_path / '.a12_b34z.pth']
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted(
        name for name in names if name != '.a12_b34z.pth'
    )
    assert remove_unfinished(tmp_path / 'missing', '.pth') == []
