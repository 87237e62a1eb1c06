"""The options of the page."""

from __future__ import annotations

import pytest

from masasr_mm.demo.command import parse_args


@pytest.mark.parametrize(
    'wrong',
    [
        '--keep-seconds 0', '--keep-seconds -1', '--keep-seconds nan', '--keep-seconds inf',
        '--port 0', '--port 65536', '--refs 0', '--photo-megapixels 0', '--ref-megapixels -1',
        '--file-megabytes 0', '--root-path masasr',
    ],
)  # fmt: skip
def test_wrong_options_are_refused(wrong, capsys):
    with pytest.raises(SystemExit) as exit_:
        parse_args(wrong.split())
    assert exit_.value.code == 2
    assert wrong.split()[0] in capsys.readouterr().err.splitlines()[-1]


def test_defaults_are_for_this_machine_alone():
    options = parse_args([])
    assert (options.host, options.port, options.root_path) == ('127.0.0.1', 7860, None)
    assert parse_args(['--root-path', '/masasr/']).root_path == '/masasr'
