"""check_refsr.py on whole and on harmed data sets."""

from __future__ import annotations

import pytest

from tests.data_folders import make_cufed, make_cufed5, make_sun80, write_images
from tests.scripts import call_tool, load_tool

check_refsr = load_tool('dataset_converters/check_refsr.py')


@pytest.fixture
def check(monkeypatch, capsys):
    """Call the tool; its exit status and the lines it prints."""

    def call(*arguments: object) -> tuple[int, str, str]:
        status = call_tool(check_refsr, monkeypatch, *arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_whole_benchmarks(tmp_path, check):
    write_images(tmp_path / 'urban', [f'img_{number:03d}.png' for number in range(100)])
    status, out, _ = check('urban100', tmp_path / 'urban')
    assert status == 0
    assert out.splitlines() == [
        f'{tmp_path}/urban: urban100',
        'HR images: 100, references of each: 0',
        'image files: 100, of them bad: 0',
        'width 12 to 12, height 10 to 10',
        'all well',
    ]
    make_cufed5(tmp_path / 'five', [f'{number:03d}' for number in range(126)])
    status, out, _ = check('cufed5', tmp_path / 'five')
    assert status == 0
    assert 'HR images: 126, references of each: 5\nimage files: 756, of them bad: 0\n' in out
    make_sun80(tmp_path / 'sun', [f'{number}.jpg' for number in range(80)], matches=2)
    status, out, _ = check('sun80', tmp_path / 'sun')
    assert status == 0
    assert 'HR images: 80, references of each: 1\nimage files: 240, of them bad: 0\n' in out


def test_other_counts(tmp_path, check):
    make_cufed(tmp_path)
    write_images(tmp_path / 'ref', ['c.png'], size=(20, 8))
    status, out, _ = check('cufed', tmp_path)
    assert status == 1
    assert 'HR images: 3, references of each: 1' in out
    assert 'width 12 to 20, height 8 to 10' in out
    assert 'expected 11871 HR images with 1 references each' in out
    assert out.endswith('not as it should be\n')
    status, out, _ = check('cufed', tmp_path, '--any-count')
    assert status == 0
    assert out.endswith('all well\n')
    assert 'expected' not in out


def test_bad_files_have_one_line_each(tmp_path, check):
    make_cufed(tmp_path)
    whole = (tmp_path / 'ref' / 'a.png').read_bytes()
    (tmp_path / 'ref' / 'a.png').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'input' / 'c.png').write_bytes(b'')
    (tmp_path / 'input' / 'b.png').write_bytes(b'no image [bold]')
    status, out, _ = check('cufed', tmp_path, '--any-count')
    assert status == 1
    assert 'image files: 6, of them bad: 3' in out
    bad = [line for line in out.splitlines() if line.startswith('bad: ')]
    assert [line.split(': ')[1] for line in bad] == [
        f'{tmp_path}/{name}' for name in ('ref/a.png', 'input/b.png', 'input/c.png')
    ]
    for line, reason in zip(bad, ('cannot be read as an image', 'not an image', 'empty')):
        assert reason in line
