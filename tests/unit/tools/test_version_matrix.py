"""tools/dev/version_matrix.py: the commands, without the hours that they take."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import REPOSITORY
from tests.scripts import load_tool


@pytest.fixture
def tool():
    return load_tool('dev/version_matrix.py')


def test_the_pinned_set_is_all_of_the_constraints(tool):
    text = (REPOSITORY / 'requirements' / 'constraints.txt').read_text()
    pinned = [line for line in text.splitlines() if line and not line.startswith('#')]
    assert tool.constraints_without(()) == pinned
    older = tool.constraints_without(('torch==2.9.1', 'torchvision==0.24.1'))
    gone = {line.split('==')[0] for line in set(pinned) - set(older)}
    assert {'torch', 'torchvision', 'triton', 'nvidia-nccl-cu13', 'cuda-toolkit'} <= gone
    assert not gone & {'numpy', 'mmengine', 'mmagic', 'pillow'}


def test_commands_of_an_older_torch(tool, tmp_path):
    lines = [
        ' '.join(line) for line in tool.commands('torch-2.9', tmp_path / 'torch-2.9', 'URL', ['T'])
    ]
    assert 'torch==2.9.1 torchvision==0.24.1 --index-url URL' in lines[1]
    assert f'-c {tmp_path}/torch-2.9.txt' in lines[2]
    assert f'-r {REPOSITORY}/requirements/lite.txt' in lines[2]
    assert 'torch==2.9.1' in lines[2]
    assert lines[-1].endswith('-m pytest -q -p no:cacheprovider T')


def test_full_mmcv_is_built_after_torch(tool, tmp_path):
    lines = [' '.join(line) for line in tool.commands('mmcv-full', tmp_path / 'x', None, [])]
    [torch] = [index for index, line in enumerate(lines) if line.endswith('torchvision==0.19.1')]
    [mmcv] = [index for index, line in enumerate(lines) if '--no-build-isolation' in line]
    assert torch < mmcv
    assert not any('lite.txt' in line for line in lines)


def test_a_run_ends_at_the_first_failure(tool, monkeypatch, tmp_path, capsys):
    steps = [[sys.executable, '-c', f'print({n}); raise SystemExit({n == 1})'] for n in range(3)]
    monkeypatch.setattr(tool, 'commands', lambda *_: steps)
    monkeypatch.setattr(sys, 'argv', ['version_matrix.py', 'pinned', '--folder', str(tmp_path)])
    assert tool.main() == 1
    assert 'pinned: FAILED' in capsys.readouterr().out
    assert (tmp_path / 'pinned.log').read_text() == '0\n1\n'


def test_the_fast_tests_are_there(tool):
    assert all((REPOSITORY / path).exists() for path in tool.FAST_TESTS)
