"""Mistakes that a user can mend end in one line."""

from __future__ import annotations

import os
import pickle
import signal

import pytest
from torch.utils.data import DataLoader, Dataset

from masasr_mm.errors import UserError, exit_with_user_errors, one_line


class BadPhotos(Dataset):
    """A data set whose one photo cannot be read."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int):
        raise UserError(f'{index}.png: no image; remove it')


def exit_status(main) -> int | str | None:
    """Run a tool and give the exit status that it leaves with."""
    with pytest.raises(SystemExit) as exit_info:
        exit_with_user_errors(main)
    return exit_info.value.code


def raising(error: BaseException):
    """Give a tool that ends with this error."""

    def main():
        raise error

    return main


def test_a_mistake_is_one_line_without_a_traceback(capsys):
    assert exit_status(raising(UserError('data/a.png: missing'))) == 2
    captured = capsys.readouterr()
    assert captured.err == 'error: data/a.png: missing\n'
    assert captured.out == ''


def test_a_mistake_in_a_worker_process_is_the_same_line(capsys):
    loader = DataLoader(BadPhotos(), num_workers=1)
    assert exit_status(lambda: list(loader)) == 2
    assert capsys.readouterr().err == 'error: 0.png: no image; remove it\n'


@pytest.mark.parametrize(('result', 'status'), [(None, None), (0, 0), (3, 3)])
def test_the_status_of_a_tool_is_kept(result, status):
    assert exit_status(lambda: result) == status


def test_interruption(capsys):
    assert exit_status(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == 'interrupted\n'


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        exit_with_user_errors(raising(ZeroDivisionError()))


def test_an_error_without_a_message_is_named():
    assert one_line(UserError()) == 'UserError'


def test_it_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(UserError('a.png: missing')))
    assert isinstance(error, UserError)
    assert one_line(error) == 'a.png: missing'


@pytest.mark.skipif(not hasattr(signal, 'SIGCHLD'), reason='this system has no such signal')
def test_a_death_that_is_told_twice_is_one_line(capsys):
    """torch raises at the signal, which may come when the first error is being told."""

    def late(*_) -> None:
        raise RuntimeError('DataLoader worker (pid 7) is killed by signal: Killed.')

    def main() -> None:
        raise RuntimeError('DataLoader worker (pid 7) exited unexpectedly with exit code 3.')

    before = signal.signal(signal.SIGCHLD, late)
    try:
        with pytest.raises(SystemExit) as caught:
            exit_with_user_errors(main)
        os.kill(os.getpid(), signal.SIGCHLD)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert caught.value.code == 2
    assert capsys.readouterr().err.count('\n') == 1
