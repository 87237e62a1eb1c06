"""``--help`` comes at once, importing nothing that takes time, and leaves no option out."""

from __future__ import annotations

import argparse
import runpy
import sys
from types import SimpleNamespace

import pytest

from masasr_mm.version import __version__
from tests.commands import run
from tests.conftest import REPOSITORY

PRINT_HELP = """
import runpy
import sys
sys.argv = [sys.argv[1], '--help']
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit:
    pass
print(sorted({'torch', 'mmagic', 'mmcv', 'diffusers'} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    'tool',
    [
        'train.py',
        'infer.py',
        'analysis_tools/benchmark.py',
    ],
)
def test_help_imports_nothing_heavy(tool):
    lines = run(sys.executable, '-c', PRINT_HELP, f'tools/{tool}').stdout.splitlines()
    assert lines[0].startswith(f'usage: {tool.rpartition("/")[2]}')
    assert lines[-1] == '[]'


TOOLS = sorted(
    path.relative_to(REPOSITORY)
    for path in REPOSITORY.glob('tools/**/*.py')
    if '__main__' in path.read_text('utf-8')  # others are what they share
)


@pytest.mark.parametrize('tool', [*map(str, TOOLS), 'demo/app.py'])
def test_every_option_has_a_help_text_and_the_version_is_told(tool, monkeypatch, capsys):
    """What the parser of the tool knows at the moment that it reads the command line."""
    found = SimpleNamespace(parser=None)

    def stop(self, *arguments, **options):
        found.parser = self
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.syspath_prepend((REPOSITORY / tool).parent)  # as Python does for a script
        patch.setattr(sys, 'argv', [tool])
        patch.setattr(argparse.ArgumentParser, 'parse_args', stop)
        with pytest.raises(SystemExit):
            runpy.run_path(str(REPOSITORY / tool), run_name='__main__')
    without = [action.dest for action in found.parser._actions if not action.help]
    bare = [action.dest for action in found.parser._actions if str(action.help).startswith('(')]
    assert without == bare == []
    with pytest.raises(SystemExit) as end:
        found.parser.parse_args(['--version'])
    assert end.value.code == 0
    assert capsys.readouterr().out == f'masasr_mm {__version__}\n'
