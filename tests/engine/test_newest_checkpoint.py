"""Which checkpoint a run goes on from, and which ones it passes over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from masasr_mm.engine.newest_checkpoint import newest_whole_checkpoint
from masasr_mm.errors import UserError


def save(path: Path, step: int, minute: int, **more: object) -> Path:
    """Write what a resumed run needs, as if at some minute of an hour."""
    content = dict(
        meta=dict(iter=step, time=f'20260101_10{minute:02d}00'),
        state_dict=dict(weight=torch.arange(1000.0) + step),
        message_hub={},
        optimizer={},
    )
    torch.save({**content, **more}, path)
    return path


@pytest.fixture
def lines(monkeypatch) -> list[str]:
    """What is written to the log."""
    found: list[str] = []
    name = 'masasr_mm.engine.newest_checkpoint.print_log'
    monkeypatch.setattr(name, lambda text, *options: found.append(text))
    return found


def test_the_newest_by_the_time_written_in_it(tmp_path, lines):
    save(tmp_path / 'iter_900.pth', 900, minute=0)  # of an older, longer run
    expected = save(tmp_path / 'iter_20.pth', 20, minute=2)
    save(tmp_path / 'iter_10.pth', 10, minute=1)
    save(tmp_path / 'best_PSNR_iter_30.pth', 30, minute=3)  # has no optimizer in real life
    for age, name in enumerate(('iter_20.pth', 'iter_900.pth', 'iter_10.pth')):
        os.utime(tmp_path / name, (1000 + age, 1000 + age))  # as a copy of the folder may have them
    assert newest_whole_checkpoint(tmp_path) == expected
    assert lines == []


def truncate(content: bytearray) -> bytes:
    return bytes(content[: len(content) // 2])


def empty(content: bytearray) -> bytes:
    return b''


def flip_one_bit(content: bytearray) -> bytes:
    place = content.index(torch.arange(1000.0)[500:510].add(40).numpy().tobytes())
    content[place] ^= 1
    return bytes(content)


def zeros(content: bytearray) -> bytes:
    return bytes(len(content))


@pytest.mark.parametrize('damage', [truncate, empty, flip_one_bit, zeros])
def test_damaged_ones_are_named_and_passed_over(tmp_path, lines, damage):
    expected = save(tmp_path / 'iter_20.pth', 20, minute=1)
    broken = save(tmp_path / 'iter_40.pth', 40, minute=2)
    broken.write_bytes(damage(bytearray(broken.read_bytes())))
    (tmp_path / 'last_checkpoint').write_text(str(broken))
    assert newest_whole_checkpoint(tmp_path) == expected
    assert len(lines) == 1
    assert str(broken) in lines[0]


def test_weights_alone_are_passed_over(tmp_path, lines):
    torch.save(dict(state_dict=dict(weight=torch.ones(3))), tmp_path / 'iter_4.pth')
    expected = save(tmp_path / 'iter_2.pth', 2, minute=0)
    assert newest_whole_checkpoint(tmp_path) == expected
    assert 'has no meta' in lines[0]


def test_one_that_lies_elsewhere(tmp_path, lines):
    elsewhere = tmp_path / 'out'
    elsewhere.mkdir()
    expected = save(elsewhere / 'iter_4.pth', 4, minute=9)
    save(tmp_path / 'iter_2.pth', 2, minute=0)
    (tmp_path / 'last_checkpoint').write_text(str(expected))
    assert newest_whole_checkpoint(tmp_path) == expected


@pytest.mark.parametrize('pointer', [None, '', 'gone.pth'])
def test_none(tmp_path, pointer):
    if pointer is not None:
        (tmp_path / 'last_checkpoint').write_text(pointer)
    assert newest_whole_checkpoint(tmp_path) is None
    assert newest_whole_checkpoint(tmp_path / 'missing') is None


def test_all_of_them_damaged(tmp_path, lines):
    for step in (1, 2):
        (tmp_path / f'iter_{step}.pth').write_bytes(b'PK\x03\x04')
    with pytest.raises(UserError, match='none of its 2 checkpoints is whole') as caught:
        newest_whole_checkpoint(tmp_path)
    assert '\n' not in str(caught.value)
    assert len(lines) == 2
