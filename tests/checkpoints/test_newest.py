"""Which checkpoint a run goes on from, and which ones it passes over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.multiprocessing import start_processes

from masasr_mm.checkpoints.newest import newest_whole_checkpoint
from masasr_mm.errors import UserError
from tests.scripts import load_tool
from tests.training import START_METHOD, join


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
    name = 'masasr_mm.checkpoints.newest.print_log'
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


def choose_in_a_folder_of_its_own(rank: int, processes: int, store: str) -> None:
    """What tools/train.py does of --resume, where each process sees another folder."""
    join(rank, processes, store)
    config = Config(dict(work_dir=f'{store}/seen_by_{rank}', resume=False, load_from='start.pth'))
    outcome = Path(store, f'outcome_{rank}')
    try:
        load_tool('train.py').choose_start(config, 'auto')
        outcome.write_text(f'{config.resume} {config.load_from}')
    except UserError as error:
        outcome.write_text(str(error))


def outcomes(store: Path) -> list[str]:
    arguments = (choose_in_a_folder_of_its_own, (2, str(store)))
    start_processes(*arguments, nprocs=2, start_method=START_METHOD)
    return [(store / f'outcome_{rank}').read_text() for rank in range(2)]


def test_one_process_decides_for_all(tmp_path):
    """A shared disk shows the second machine an older state."""
    for rank, steps in enumerate(((10, 20), (10,))):
        folder = tmp_path / f'seen_by_{rank}'
        folder.mkdir()
        for step in steps:
            save(folder / f'iter_{step}.pth', step, minute=step)
    assert outcomes(tmp_path) == [f'True {tmp_path}/seen_by_0/iter_20.pth'] * 2


def test_all_processes_start_anew_where_the_first_finds_nothing(tmp_path):
    (tmp_path / 'seen_by_1').mkdir()
    save(tmp_path / 'seen_by_1' / 'iter_10.pth', 10, minute=1)
    assert outcomes(tmp_path) == ['False start.pth'] * 2


def test_all_processes_tell_what_the_first_cannot_read(tmp_path):
    (tmp_path / 'seen_by_0').mkdir()
    (tmp_path / 'seen_by_0' / 'iter_20.pth').write_bytes(b'half')
    lines = outcomes(tmp_path)
    assert 'seen_by_0: none of its 1 checkpoints is whole' in lines[0]
    assert lines[1] == lines[0]
