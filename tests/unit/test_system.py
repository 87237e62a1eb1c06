"""Free memory, disks, what the allocator keeps, and bfloat16 on CPUs with and without units."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch

from masasr_mm import system
from masasr_mm.apis import MASAInferencer
from masasr_mm.compat import cpu_has_bfloat16_units
from masasr_mm.system import fastest_dtype, free_memory, warn_of_emulation

CPU = torch.device('cpu')
GB = 10**9


@pytest.fixture
def groups(monkeypatch, tmp_path):
    """Writes control groups and which of them this process is in."""
    monkeypatch.setattr(system, 'GROUPS', tmp_path / 'cgroup')
    monkeypatch.setattr(system, 'MEMBERSHIP', tmp_path / 'membership')
    available = psutil.virtual_memory()._replace(available=50 * GB)
    monkeypatch.setattr(psutil, 'virtual_memory', lambda: available)

    def write(membership: str, **files: str) -> None:
        (tmp_path / 'membership').write_text(membership)
        for name, content in files.items():
            path = tmp_path / 'cgroup' / Path(*name.split('__'))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(path.name.replace('-', '.')).write_text(content)

    return write


def test_systems_without_control_groups(monkeypatch, tmp_path):
    monkeypatch.setattr(system, 'MEMBERSHIP', tmp_path / 'none')
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


def test_what_torch_keeps_of_a_gpu_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (1000, 8000))
    monkeypatch.setattr(torch.cuda, 'memory_reserved', lambda device: 500)
    monkeypatch.setattr(torch.cuda, 'memory_allocated', lambda device: 200)
    assert free_memory(torch.device('cuda')) == 1300


TESTS = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')


@pytest.fixture
def cpu(monkeypatch):
    """Makes the CPU one with such instructions, or none."""

    def make(*supported: str) -> None:
        for name in TESTS:
            monkeypatch.setattr(torch.cpu, name, lambda name=name: name in supported, raising=False)

    return make


@pytest.mark.parametrize('name', TESTS)
def test_either_kind_of_unit_will_do(cpu, name, capsys):
    cpu(name)
    assert cpu_has_bfloat16_units()
    assert fastest_dtype('cpu') == fastest_dtype('cpu:0') == 'bfloat16'
    assert fastest_dtype('cuda:0') == 'float32'
    warn_of_emulation('--amp', 'bfloat16', 'cpu')
    assert not capsys.readouterr().err


def test_without_units_float32_is_faster_and_the_user_is_told(cpu, capsys):
    cpu()
    assert fastest_dtype('cpu') == 'float32'
    for dtype, device in (('bfloat16', 'cuda'), ('float32', 'cpu'), (None, 'cpu')):
        warn_of_emulation('--amp', dtype, device)
    assert not capsys.readouterr().err
    warn_of_emulation('--amp', 'bfloat16', 'cpu:0')
    assert '--amp bfloat16 is many times slower' in capsys.readouterr().err


@pytest.mark.parametrize(('supported', 'dtype'), [(TESTS[:1], 'bfloat16'), ((), 'float32')])
def test_auto_takes_the_faster_one(cpu, supported, dtype):
    cpu(*supported)
    assert MASAInferencer(device='cpu', dtype='auto').dtype == dtype
    assert MASAInferencer(device='cpu').dtype == 'float32'
