"""``--help`` and ``--version`` come at once, importing nothing that takes time."""

from __future__ import annotations

import sys

import pytest

from masasr_mm.version import __version__
from tests.commands import run

PRINT = """
import runpy
import sys
sys.argv.pop(0)
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
except SystemExit:
    pass
print(sorted({'torch', 'mmagic', 'mmcv', 'diffusers'} & set(sys.modules)))
"""


@pytest.mark.parametrize('tool', ['train.py', 'infer.py', 'analysis_tools/benchmark.py'])
@pytest.mark.parametrize('option', ['--help', '--version'])
def test_nothing_heavy_is_imported(tool, option):
    lines = run(sys.executable, '-c', PRINT, f'tools/{tool}', option).stdout.splitlines()
    name = tool.rpartition('/')[2]
    expected = f'usage: {name}' if option == '--help' else f'masasr_mm {__version__}'
    assert lines[0].startswith(expected)
    assert lines[-1] == '[]'
