"""Uploads do not stay."""

from __future__ import annotations

import os
import time

from masasr_mm.demo.sweeping import sweep, sweep_always


def test_old_files_are_deleted_and_others_stay(tmp_path):
    (tmp_path / 'a').mkdir()
    names = ('a/old', 'a/new', 'kept')
    for name in names:
        (tmp_path / name).touch()
    past = time.time() - 100
    for name in ('a/old', 'kept'):
        os.utime(tmp_path / name, (past, past))
    sweep(tmp_path, 50, keep=frozenset([tmp_path / 'kept']))
    assert [name for name in names if (tmp_path / name).exists()] == ['a/new', 'kept']


def test_it_goes_on(tmp_path):
    (tmp_path / 'before').touch()
    thread = sweep_always(tmp_path, 0.5)
    assert thread.daemon
    (tmp_path / 'upload').touch()
    deadline = time.monotonic() + 20
    while (tmp_path / 'upload').exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [path.name for path in tmp_path.iterdir()] == ['before']
