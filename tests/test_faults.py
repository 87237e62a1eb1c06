"""Faults of the machine in one line, real ones where they can be made."""

from __future__ import annotations

import errno
import os

import pytest
import torch
import torch.multiprocessing
from torch.utils.data import DataLoader

from masasr_mm.errors import exit_with_user_errors
from masasr_mm.faults import FAULTS, explain


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

    def main():
        raise error

    with pytest.raises(type(error)):
        exit_with_user_errors(main)


def test_tools_print_the_line(capsys):
    with pytest.raises(SystemExit) as caught:
        exit_with_user_errors(write_to_a_full_device)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith('error: a file could not be written: No space left')
