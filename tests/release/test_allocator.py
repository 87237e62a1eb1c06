"""Freed memory stays with the process, in a fresh interpreter whose memory nothing has used."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from masasr_mm.system import VARIABLES

# Takes and frees so many bytes again and again; prints how many pages had to come from the system
# at last.
WORK = """
import resource
import sys
import torch
from masasr_mm.system import keep_freed_memory

size = int(sys.argv[1])
kept = keep_freed_memory() if sys.argv[2:] else None
for _ in range(2**29 // size):  # until glibc has found where blocks of this size can stay
    torch.ones(size // 4)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    torch.ones(size // 4)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
# Measures the statistics of a feature in tiles; prints how many bytes more the process then holds.
MEASURE = """
from types import SimpleNamespace
import torch
from masasr_mm.models import MASANet
from masasr_mm.models.inference.super_resolve import TiledMASANet
from masasr_mm.system import held_memory, keep_freed_memory

keep_freed_memory()
net = MASANet(fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1)).eval()
matches = SimpleNamespace(blocks=(32, 32), fine_index=torch.zeros(1, 1024, 8, 8))
texture = lambda index, blocks: torch.rand(1, 64, *(32 * (b.stop - b.start) for b in blocks))
cache = SimpleNamespace(matches=matches, texture=texture)
feature = torch.rand(1, 64, 512, 512)
before = held_memory(feature.device)
with torch.no_grad():
    TiledMASANet(net, 64)._moments(2, feature, cache)
print(held_memory(feature.device) - before)
"""
SIZE = 2**26
PAGES = SIZE // 4096


def pages_taken(*arguments: str, size: int = SIZE, **environment: str) -> tuple[str, int]:
    own = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    result = subprocess.run(
        [sys.executable, '-c', WORK, str(size), *arguments],
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
    assert pages_taken('keep') == ('True', pytest.approx(0, abs=PAGES / 10))


@glibc_alone
def test_statistics_of_tiles_do_not_cut_up_what_is_freed():
    command = [sys.executable, '-c', MEASURE]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    tile = 64 * (4 * 64) ** 2 * 4  # bytes of a feature
    assert 0 < int(result.stdout) < 16 * tile


@glibc_alone
def test_the_users_own_tuning_is_left_alone():
    kept, pages = pages_taken('keep', MALLOC_MMAP_THRESHOLD_='1000000')
    assert kept == 'False'
    assert pages > 4 * PAGES
