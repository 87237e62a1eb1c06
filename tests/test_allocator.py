"""Memory that the process keeps."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from masasr_mm.allocator import VARIABLES, keep_freed_memory

# Takes and frees 64 MB again and again; prints how many pages had to come from the system at last.
WORK = """
import resource
import sys
import torch
from masasr_mm.allocator import keep_freed_memory

kept = keep_freed_memory() if sys.argv[1:] else None
for _ in range(30):  # until glibc has found where blocks of this size can stay
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    torch.ones(2**24)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 2**26 // 4096


def run(*arguments: str, **environment: str) -> tuple[str, int]:
    own = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    result = subprocess.run(
        [sys.executable, '-c', WORK, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**own, **environment},
    )
    kept, pages = result.stdout.split()
    return kept, int(pages)


glibc_alone = pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='another C library')


@glibc_alone
def test_a_tensor_lies_where_the_freed_one_lay():
    assert run('keep') == ('True', pytest.approx(0, abs=PAGES / 10))


@glibc_alone
def test_the_users_own_tuning_is_left_alone():
    assert run(MALLOC_MMAP_THRESHOLD_='1000000')[1] > 4 * PAGES
    kept, pages = run('keep', MALLOC_MMAP_THRESHOLD_='1000000')
    assert kept == 'False'
    assert pages > 4 * PAGES


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, 'libc_ver', lambda: ('', ''))
    assert not keep_freed_memory()
