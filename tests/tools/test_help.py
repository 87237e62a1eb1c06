"""``--help`` comes at once: it imports nothing that takes time."""

from __future__ import annotations

import sys

import pytest

from .commands import run

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
        'test.py',
        'infer.py',
        'analysis_tools/benchmark.py',
        'analysis_tools/complexity.py',
        'analysis_tools/robustness.py',
        'dataset_converters/cufed_to_lmdb.py',
        'deployment/export.py',
        'model_converters/official_to_mmagic.py',
    ],
)
def test_help_imports_nothing_heavy(tool):
    lines = run(sys.executable, '-c', PRINT_HELP, f'tools/{tool}').stdout.splitlines()
    assert lines[0].startswith(f'usage: {tool.rpartition("/")[2]}')
    assert lines[-1] == '[]'
