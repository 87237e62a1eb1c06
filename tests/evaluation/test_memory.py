"""The peak of a piece of work."""

from __future__ import annotations

import sys

import pytest
import torch

from masasr_mm.evaluation import memory
from masasr_mm.evaluation.memory import added_peak_memory

CPU = torch.device('cpu')
MEBIBYTE = 2**20
linux = pytest.mark.skipif(sys.platform != 'linux', reason='Linux alone tells the peak')


@linux
def test_the_peak_counts_and_not_what_is_left():
    def work():
        big = torch.ones(200 * MEBIBYTE // 4)
        del big
        return torch.ones(50 * MEBIBYTE // 4)

    kept = torch.ones(100 * MEBIBYTE // 4)  # there before, so not added
    assert 195 * MEBIBYTE < added_peak_memory(work, CPU) < 260 * MEBIBYTE
    assert kept.sum() > 0


@linux
def test_earlier_peaks_are_forgotten():
    added_peak_memory(lambda: torch.ones(200 * MEBIBYTE // 4), CPU)
    assert added_peak_memory(lambda: None, CPU) < 20 * MEBIBYTE


def test_work_is_done_where_the_system_tells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, 'RESET_PEAK', (tmp_path / 'none' / 'clear_refs', '5'))
    done = []
    assert added_peak_memory(lambda: done.append(1), CPU) is None
    assert done == [1]
