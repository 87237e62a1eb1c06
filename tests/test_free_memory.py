"""How much memory is free: what the system can give, and no more than a container's limit."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch

from masasr_mm import free_memory as module
from masasr_mm.free_memory import free_memory

CPU = torch.device('cpu')
GB = 10**9


@pytest.fixture
def groups(monkeypatch, tmp_path):
    """Writes control groups and which of them this process is in."""
    monkeypatch.setattr(module, 'GROUPS', tmp_path / 'cgroup')
    monkeypatch.setattr(module, 'MEMBERSHIP', tmp_path / 'membership')
    available = psutil.virtual_memory()._replace(available=50 * GB)
    monkeypatch.setattr(psutil, 'virtual_memory', lambda: available)

    def write(membership: str, **files: str) -> None:
        (tmp_path / 'membership').write_text(membership)
        for name, content in files.items():
            path = tmp_path / 'cgroup' / Path(*name.split('__'))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(path.name.replace('-', '.')).write_text(content)

    return write


def test_file_caches_count_as_free():
    """What is left out where free pages alone are counted."""
    psutil_says = psutil.virtual_memory().available
    assert free_memory(CPU) == pytest.approx(psutil_says, rel=0.2)


def test_systems_without_control_groups(monkeypatch, tmp_path):
    monkeypatch.setattr(module, 'MEMBERSHIP', tmp_path / 'none')
    monkeypatch.delattr('os.sysconf')
    assert free_memory(CPU) == pytest.approx(psutil.virtual_memory().available, rel=0.2)


def test_version_2_with_limits_at_two_levels(groups):
    stat = 'anon 5\ninactive_file 1000000000\nactive_file 7\n'
    files = {
        'job__step__memory-max': 'max\n', 'job__step__memory-current': '3000000000\n',
        'job__step__memory-stat': stat,
        'job__memory-max': '8000000000\n', 'job__memory-current': '6000000000\n',
        'job__memory-stat': stat,
    }  # fmt: skip
    groups('0::/job/step\n', **files)
    assert free_memory(CPU) == 3 * GB


def test_a_container_that_names_the_folders_of_its_host(groups):
    files = {'memory-max': '4000000000', 'memory-current': '1000000000', 'memory-stat': 'anon 3'}
    groups('0::/docker/abc\n', **files)
    assert free_memory(CPU) == 3 * GB


def test_version_1(groups):
    files = {
        'memory__job__memory-limit_in_bytes': '2000000000',
        'memory__job__memory-usage_in_bytes': '2500000000',
        'memory__job__memory-stat': 'total_inactive_file 0',
        'memory__memory-limit_in_bytes': '9223372036854771712',
        'memory__memory-usage_in_bytes': '5000000000',
        'memory__memory-stat': 'total_inactive_file 0',
    }
    groups('12:cpu,cpuacct:/job\n9:memory:/job\n0::/\n', **files)
    assert free_memory(CPU) == 0


def test_no_limit(groups):
    groups('0::/\n')
    assert free_memory(CPU) == 50 * GB


def test_what_torch_keeps_of_a_gpu_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (1000, 8000))
    monkeypatch.setattr(torch.cuda, 'memory_reserved', lambda device: 500)
    monkeypatch.setattr(torch.cuda, 'memory_allocated', lambda device: 200)
    assert free_memory(torch.device('cuda')) == 1300
