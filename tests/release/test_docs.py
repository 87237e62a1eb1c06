"""What the pages show does run."""

from __future__ import annotations

import os
import re
import runpy
import sys

import pytest

import masasr_mm  # noqa: F401
from tests.conftest import REPOSITORY

PAGES = [
    *(REPOSITORY / name for name in ('README.md', 'CONTRIBUTING.md')),
    *sorted((REPOSITORY / 'docs').glob('*.md')),
]


def test_the_tutorial_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tutorial.py', '--out', str(tmp_path)])
    runpy.run_path(str(REPOSITORY / 'demo' / 'tutorial.py'), run_name='__main__')
    lines = capsys.readouterr().out.splitlines()
    assert '4,028,291 parameters' in lines
    assert [line for line in lines if line.startswith('texture')] == [
        'texture (1, 64, 56, 64)', 'texture (1, 64, 112, 128)', 'texture (1, 64, 224, 256)',
    ]  # fmt: skip
    found = next(line for line in lines if line.startswith('rows found'))
    assert int(re.search(r'(\d+)%', found)[1]) > 50
    assert {path.name for path in tmp_path.iterdir()} == {'compare.png', 'matches.png'}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_pages_name_files_that_are_there(page):
    """Tools, configs and demos in commands, and the targets of links."""
    text = page.read_text()
    named = re.findall(r'(?:^|[\s`(])((?:tools|configs|demo|requirements)/[\w./-]*\w)', text)
    for name in named:
        assert (REPOSITORY / name).exists(), name
    for target in re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', text):
        if '://' not in target:
            assert os.path.exists(page.parent / target), target


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_options_in_pages_exist(page):
    """Every long option of a command of ours is one that its source names, or what that calls."""
    commands = re.sub(r'\\\n\s*', ' ', page.read_text())
    for command, tool in (('masasr', 'tools/infer.py'), ('masasr-demo', 'demo/app.py')):
        commands = re.sub(rf'(^|`){command} ', rf'\1python {tool} ', commands, flags=re.M)
    for tool, rest in re.findall(r'python ((?:tools|demo)/[\w./-]+\.py)([^\n`]*)', commands):
        source = (REPOSITORY / tool).read_text()
        for package in re.findall(r'^from (masasr_mm\.\w+)\.\w+ import main', source, re.M):
            folder = REPOSITORY / package.replace('.', '/')
            source += ''.join(file.read_text() for file in sorted(folder.glob('*.py')))
        for option in re.findall(r'(?<!\S)--[a-z][a-z-]*', rest.split('#')[0]):
            assert option in ('--help', '--version') or f"'{option}'" in source, f'{tool} {option}'
