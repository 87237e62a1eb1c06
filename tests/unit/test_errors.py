"""Mistakes that a user can mend, and faults of the machine, end in one line."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest
import torch
import torch.multiprocessing
from torch.utils.data import DataLoader, Dataset

from masasr_mm.errors import FAULTS, UserError, exit_with_user_errors, explain


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


def test_names_of_files_leave_a_message_whole(capsys, monkeypatch):
    monkeypatch.setattr(UserError, '__init__', Exception.__init__)
    assert exit_status(raising(UserError('no\nsuch.jpg: caf\udce9'))) == 2
    assert capsys.readouterr().err == 'error: no\\nsuch.jpg: caf\\udce9\n'


def test_output_that_nobody_reads():
    code = """from masasr_mm.errors import exit_with_user_errors, tell
exit_with_user_errors(lambda: [tell('a') for _ in range(2)] and 0)"""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b'')


def test_closed_output(monkeypatch):
    monkeypatch.setattr(sys, 'stdout', None)
    assert exit_status(lambda: int(sys.stdout.isatty())) == 0


def test_interruption(capsys):
    assert exit_status(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == 'interrupted\n'


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


def fault(function, *arguments) -> BaseException:
    try:
        function(*arguments)
    except Exception as error:
        return error
    raise AssertionError('nothing went wrong')


def write_to_a_full_device():
    with open('/dev/full', 'w', encoding='utf-8') as file:
        file.write('x')


class Dies:
    def __len__(self):
        return 1

    def __getitem__(self, index):
        os._exit(1)


def test_disks(tmp_path):
    (tmp_path / 'file').touch()
    line = explain(fault(os.mkdir, tmp_path / 'file' / 'folder'))
    assert line == f'{tmp_path}/file/folder: Not a directory: {FAULTS[errno.ENOTDIR]}'
    assert explain(fault(write_to_a_full_device)) == (
        'a file could not be written: No space left on device: no space is left there; free some, '
        'or choose another folder'
    )
    long = fault(os.stat, tmp_path / ('a' * 300))
    assert explain(long).endswith('a: File name too long: take a shorter name')
    assert explain(OSError(errno.EROFS, 'Read-only file system', 'a')).startswith('a: Read-only')


def test_a_dead_loader_process():
    line = explain(fault(list, DataLoader(Dies(), num_workers=1)))
    assert line.startswith('a process that loads data (')
    assert ') exited unexpectedly; if the memory' in line


def hand_over_and_die(queue):
    queue.put(torch.zeros(1000))
    queue.close()
    queue.join_thread()
    os._exit(1)


def test_a_loader_process_that_dies_before_its_batch_was_taken():
    context = torch.multiprocessing.get_context('fork')
    queue = context.Queue()
    process = context.Process(target=hand_over_and_die, args=(queue,))
    process.start()
    process.join()
    line = explain(fault(queue.get))
    assert line.startswith('a process that loads data ended while it handed over a batch; if the')


@pytest.mark.parametrize(
    'error',
    [FileNotFoundError(errno.ENOENT, 'no', 'x'), RuntimeError('shape'), ConnectionResetError()],
)
def test_other_errors_may_be_of_the_code(error):
    assert explain(error) is None
    with pytest.raises(type(error)):
        exit_with_user_errors(raising(error))
