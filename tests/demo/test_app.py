"""The page's command line."""

from __future__ import annotations

import socket

import pytest

from tests.conftest import REPOSITORY
from tests.tools.commands import error_line, run_python

APP = REPOSITORY / 'demo' / 'app.py'


def test_help_is_complete():
    result = run_python(APP, '--help')
    assert result.returncode == 0
    for option in ('--checkpoint', '--device', '--host', '--port', '--keep-seconds'):
        assert option in result.stdout
    assert '127.0.0.1' in result.stdout


def test_without_gradio_it_says_what_to_install(tmp_path):
    (tmp_path / 'gradio.py').write_text("raise ImportError('No module named gradio')")
    result = run_python(
        APP,
        '--checkpoint',
        'missing.pth',
        PYTHONPATH=f'{tmp_path}:{REPOSITORY}',
        TMPDIR=str(tmp_path),
    )
    assert "pip install 'gradio" in error_line(result)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith('masasr')] == []


def test_a_taken_port_is_told(small_checkpoint, tmp_path):
    pytest.importorskip('gradio', reason='gradio is not installed (requirements/demo.txt)')
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run_python(
            APP, '--checkpoint', small_checkpoint, '--port', port, TMPDIR=str(tmp_path)
        )
    assert f'port {port}' in error_line(result)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith('masasr')] == []
