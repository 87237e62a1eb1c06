"""tools/check_env.py: what is installed against what was tested."""

from __future__ import annotations

from importlib import metadata

import pytest
from packaging.utils import canonicalize_name

from tests.scripts import load_tool


@pytest.fixture
def tool():
    return load_tool('check_env.py')


def test_this_environment_is_told(tool, monkeypatch, capsys):
    monkeypatch.setenv('COLUMNS', '160')
    monkeypatch.setattr('sys.argv', ['check_env.py'])
    assert tool.main() == 0
    printed = capsys.readouterr().out
    [line] = [
        line for line in printed.splitlines() if line.split()[:1] == ['torch'] and '>=' in line
    ]
    assert line.split()[1] == metadata.version('torch')
    assert 'GPUs' in printed


@pytest.mark.parametrize('name', ['runtime', 'lite', 'sample', 'tests', 'demo', 'export'])
def test_the_tested_set_is_within_the_ranges(tool, name):
    pinned = tool.pinned_versions()
    for requirement in tool.read_requirements(name):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


def test_what_is_wrong_is_told(tool, monkeypatch, capsys):
    versions = dict(albumentations='2.0.0', mmcv='2.1.0', einops=None)
    installed = tool.installed
    monkeypatch.setattr(tool, 'installed', lambda name: versions.get(name, installed(name)))
    monkeypatch.setenv('COLUMNS', '160')
    monkeypatch.setattr('sys.argv', ['check_env.py', '--no-import'])
    assert tool.main() == 1
    printed = capsys.readouterr().out
    assert 'not as it should be: albumentations, einops, mmcv and mmcv-lite' in printed
    assert 'overwrite each other' in printed
