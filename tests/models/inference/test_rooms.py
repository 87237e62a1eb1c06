"""Room in memory, or in files that disappear."""

from __future__ import annotations

import errno
import gc
import mmap
import os
from pathlib import Path

import psutil
import pytest
import torch

from masasr_mm.errors import UserError
from masasr_mm.models.inference.rooms import Rooms
from masasr_mm.models.inference.tiled import TiledMASANet
from masasr_mm.system import lies_in_memory
from tests.models.inference.test_tiled import images, network

CPU = torch.device('cpu')
on_posix = pytest.mark.skipif(os.name != 'posix', reason='counts files as POSIX does')


def files_of_the_process() -> int:
    return psutil.Process().num_fds()  # of files without names, too


@on_posix
def test_what_is_large_lies_in_a_file_and_the_rest_in_memory():
    before, rooms = files_of_the_process(), Rooms(largest=400)
    small = rooms.zeros((10, 10), torch.float32, CPU)
    assert files_of_the_process() == before
    large = rooms.zeros((10, 11), torch.float32, CPU)
    assert files_of_the_process() == before + 1
    assert not small.any()
    assert not large.any()
    large[3, 4] = 2.5
    rooms.settle()
    assert large[3, 4] == 2.5
    assert large.sum() == 2.5
    view = large[2:4]
    del large
    gc.collect()
    rooms.settle()
    assert view.sum() == 2.5
    del view
    gc.collect()
    assert files_of_the_process() == before


@on_posix
def test_an_eighth_of_the_free_memory_is_large(monkeypatch):
    monkeypatch.setattr('masasr_mm.models.inference.rooms.free_memory', lambda device: 8 * 4000)
    before = files_of_the_process()
    in_memory = Rooms().zeros((1000,), torch.float32, CPU)
    assert files_of_the_process() == before
    in_file = Rooms().zeros((1001,), torch.float32, CPU)
    assert files_of_the_process() == before + 1
    assert in_memory.sum() == in_file.sum() == 0


@on_posix
def test_a_full_disk_is_told_in_a_line(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'posix_fallocate', full, raising=False)
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    before = files_of_the_process()
    with pytest.raises(UserError, match=r'no room for 0\.4 GB.*No space left.*TMPDIR') as caught:
        Rooms(0).zeros((10**8,), torch.float32, CPU)
    assert str(tmp_path) in str(caught.value)
    assert '\n' not in str(caught.value)
    assert not list(tmp_path.iterdir())
    assert files_of_the_process() == before


def not_supported(*_):
    raise OSError(errno.EOPNOTSUPP, 'Operation not supported')


@on_posix
@pytest.mark.parametrize('fallocate', [None, not_supported])
def test_room_is_taken_at_once_wherever_it_lies(monkeypatch, fallocate):
    """A disk that is full later would end the process with a signal."""
    if fallocate:
        monkeypatch.setattr(os, 'posix_fallocate', fallocate, raising=False)
    else:
        monkeypatch.delattr(os, 'posix_fallocate', raising=False)
    taken = []
    right = mmap.mmap
    monkeypatch.setattr(
        mmap, 'mmap', lambda no, *args: taken.append(os.fstat(no).st_blocks) or right(no, *args)
    )
    feature = Rooms(0).zeros((20, 10**6), torch.float32, CPU)
    assert taken[0] * 512 >= 80 * 10**6
    assert feature.shape == (20, 10**6)
    assert not feature[::7, ::999].any()


@pytest.mark.skipif(not lies_in_memory(Path('/dev/shm')), reason='no RAM disk is there')
def test_files_do_not_lie_in_memory(monkeypatch):
    """Where TMPDIR, such as /tmp of many systems, is a RAM disk."""
    monkeypatch.setattr('tempfile.tempdir', '/dev/shm')
    feature = Rooms(0).zeros((10**6,), torch.float32, CPU)
    folders = [entry.path for entry in psutil.Process().memory_maps(grouped=False)]
    assert not any(path.startswith('/dev/shm/#') for path in folders)
    assert any(path.startswith('/var/tmp/') for path in folders)
    assert not feature.any()


@pytest.mark.parametrize('dtype', [None, 'float16'])
@pytest.mark.parametrize('sizes', [(40, 48, 10, 12), (24, 16, 30, 20)])
def test_the_result_is_the_same_with_everything_in_files(sizes, dtype):
    net, inputs = network(), images(*sizes, n=2)
    in_memory, matches = TiledMASANet(net, 8, dtype).super_resolve(*inputs)
    in_files, others = TiledMASANet(net, 8, dtype, rooms=Rooms(0)).super_resolve(*inputs)
    assert torch.equal(matches.position, others.position)
    assert torch.equal(in_files, in_memory)


def test_bfloat16_features_lie_in_files_as_they_are():
    net, inputs = network(), images(40, 48, 10, 12)
    with torch.autocast('cpu', torch.bfloat16):
        in_memory, _ = TiledMASANet(net, 8).super_resolve(*inputs)
        in_files, _ = TiledMASANet(net, 8, rooms=Rooms(0)).super_resolve(*inputs)
    assert torch.equal(in_files, in_memory)
