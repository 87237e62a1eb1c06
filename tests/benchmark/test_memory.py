"""The peak of a piece of work."""

from __future__ import annotations

import sys

import pytest
import torch

from masasr_mm.benchmark import memory
from masasr_mm.benchmark.fresh_process import in_child
from masasr_mm.benchmark.memory import added_peak_memory

CPU = torch.device('cpu')
MEBIBYTE = 2**20
linux = pytest.mark.skipif(sys.platform != 'linux', reason='Linux alone tells the peak')


def peak_of_work() -> int:
    """Add 200 MiB, give them back and add 50, beside 100 that are there before."""

    def work():
        big = torch.ones(200 * MEBIBYTE // 4)
        del big
        return torch.ones(50 * MEBIBYTE // 4)

    kept = torch.ones(100 * MEBIBYTE // 4)
    peak = added_peak_memory(work, CPU)
    assert kept.sum() > 0
    return peak


def peak_after_work() -> int:
    """Do nothing after having done something."""
    added_peak_memory(lambda: torch.ones(200 * MEBIBYTE // 4), CPU)
    return added_peak_memory(lambda: None, CPU)


# In processes of their own: what other tests have freed would be missing.
@linux
def test_the_peak_counts_and_not_what_is_left():
    assert 195 * MEBIBYTE < in_child(peak_of_work) < 260 * MEBIBYTE


@linux
def test_earlier_peaks_are_forgotten():
    assert in_child(peak_after_work) < 20 * MEBIBYTE


def test_work_is_done_where_the_system_tells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, 'RESET_PEAK', (tmp_path / 'none' / 'clear_refs', '5'))
    done = []
    assert added_peak_memory(lambda: done.append(1), CPU) is None
    assert done == [1]
