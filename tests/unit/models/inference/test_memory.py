"""Memory and disk: told before they are taken, and buffers in files that disappear."""

from __future__ import annotations

import errno
import gc
import mmap
import os
import shutil
import weakref
from pathlib import Path

import psutil
import pytest
import torch

from masasr_mm.errors import UserError
from masasr_mm.models import MASANet
from masasr_mm.models.inference import memory
from masasr_mm.models.inference.memory import (
    MappedBuffers,
    check_disk,
    check_memory,
    choose_tile,
    needed,
    needed_on_disk,
)
from masasr_mm.models.inference.super_resolve import InferenceOptions, TiledMASANet, super_resolve
from masasr_mm.system import lies_in_memory
from tests.small_networks import images, network, shapes

CPU = torch.device('cpu')
on_posix = pytest.mark.skipif(os.name != 'posix', reason='counts files as POSIX does')


@pytest.fixture
def free(monkeypatch):
    return lambda size: monkeypatch.setattr(memory, 'free_memory', lambda device: size)


@pytest.fixture
def _all_in_files(monkeypatch):
    monkeypatch.setattr(memory, 'MAX_SHARE', 0)


def test_tiles_where_the_whole_would_not_fit(free):
    net, (lq, ref) = MASANet(), shapes(256, 256, 1024, 1024)
    whole = needed(net, lq, ref, None)
    free(whole / 0.49)
    assert choose_tile(net, lq, ref) is None
    free(whole / 0.51)
    assert choose_tile(net, lq, ref) == memory.DEFAULT_TILE


@pytest.mark.parametrize(('size', 'tile'), [((256, 256), None), ((256, 260), 128)])
def test_large_photos_are_faster_in_tiles_on_a_cpu(free, size, tile):
    free(1e12)
    lq, ref = (torch.empty(1, 3, 1, 1).expand(1, 3, *length) for length in (size, (256, 256)))
    assert choose_tile(MASANet(), lq, ref) == tile


def test_what_tiles_take_hardly_grows_with_the_photo(free):
    net = MASANet()
    free(8e9)

    def shapes(*sizes):  # without pixels, but on a device whose large features lie in files
        return [torch.empty(1, 3, 1, 1).expand(1, 3, *size) for size in (sizes[:2], sizes[2:])]

    small, large = (
        needed(net, *shapes(h, w, 512, 512), 128) for h, w in ((512, 512), (1024, 1024))
    )
    assert small < large < 2 * small
    in_tiles, whole = (needed(net, *shapes(3000, 4000, 3000, 4000), tile) for tile in (128, None))
    assert in_tiles < 12e9 < whole


@pytest.mark.parametrize(
    ('tile', 'told'), [(8, 'in tiles, .* smaller tiles'), (None, 'as a whole, .*--tile auto')]
)
def test_what_cannot_fit_is_refused_before_it_starts(free, monkeypatch, tile, told):
    net, inputs = network(), images(24, 32, 16, 16)
    monkeypatch.setattr(net, 'encode', lambda *_, **__: pytest.fail('it has started'))
    free(1000)
    with pytest.raises(UserError, match=f'32×24 .* 64×64 .*{told}'):
        super_resolve(net, *inputs, InferenceOptions(tile=tile))


class CountsMemory(torch.nn.Module):
    """A network that remembers the most bytes of tensors that were held while it ran."""

    scale, size_divisor, min_ref_down, supports_tiles = 4, 8, 3, False
    peak = 0

    def super_resolve(self, lq, ref, ref_down):
        gc.collect()
        tensors = [found for found in gc.get_objects() if type(found) is torch.Tensor]
        storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        self.peak = max(self.peak, sum(storages.values()))
        return torch.zeros(1, 3, *(4 * size for size in lq.shape[2:])), None


@pytest.mark.parametrize('tile', [None, 64])
def test_an_ensemble_holds_more_images(free, monkeypatch, tile):
    """What the estimate adds is what is held beside the images while the network runs."""
    monkeypatch.setattr(memory, 'MAX_SHARE', 1)
    lq, ref, ref_down = (torch.zeros(1, 3, *size) for size in ((96, 80), (512, 640), (128, 160)))
    once, eight_times = CountsMemory(), CountsMemory()
    super_resolve(once, lq, ref, ref_down)
    super_resolve(eight_times, lq, ref, ref_down, InferenceOptions(ensemble=True))
    alone, ensemble = (needed(MASANet(), lq, ref, tile, flag) for flag in (False, True))
    assert ensemble - alone == eight_times.peak - once.peak > 0
    free(alone)
    with pytest.raises(UserError, match='photo of 80×96'):
        check_memory(MASANet(), lq, ref, tile, ensemble=True)
    check_memory(MASANet(), lq, ref, tile)


@pytest.fixture
def mapped(monkeypatch):
    """Count the bytes in files: those at the moment, and the most there were."""
    now, peak = [0], [0]
    right = memory._map_file

    def count(size):
        now[0] += size
        peak[0] = max(peak[0], now[0])
        file = right(size)
        weakref.finalize(file, lambda: now.__setitem__(0, now[0] - size))
        return file

    monkeypatch.setattr(memory, '_map_file', count)
    return peak


@pytest.mark.usefixtures('_all_in_files')
@pytest.mark.parametrize('dtype', [None, 'float16', 'autocast'])
@pytest.mark.parametrize('sizes', [(40, 48, 10, 12), (40, 48, 60, 70)])
def test_files_take_what_was_announced_and_change_nothing(mapped, sizes, dtype):
    """Where the features of the reference are kept, and where its texture."""
    net, inputs, memory = network(), images(*sizes, n=2), MappedBuffers(10**9)
    half, dtype = dtype == 'autocast', None if dtype == 'autocast' else dtype
    in_float32 = needed_on_disk(net, *inputs[:2])
    with torch.autocast('cpu', torch.bfloat16, enabled=half):
        in_files, _ = TiledMASANet(net, 8, dtype).super_resolve(*inputs)
        assert mapped[0] == needed_on_disk(net, *inputs[:2], dtype) > 0
        in_memory, _ = TiledMASANet(net, 8, dtype, buffers=memory).super_resolve(*inputs)
    assert not half or mapped[0] == in_float32 / 2
    assert torch.equal(in_files, in_memory)


def test_what_fits_into_memory_takes_no_files(free):
    inputs = images(40, 48, 10, 12)[:2]
    free(10**9)
    assert needed_on_disk(network(), *inputs) == 0
    elsewhere = shapes(3000, 4000, 3000, 4000)  # on a device that takes no files
    assert needed_on_disk(MASANet(), *elsewhere) == 0


@pytest.mark.usefixtures('_all_in_files')
def test_a_disk_without_room_is_told_before_it_starts(monkeypatch, tmp_path):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: shutil._ntuple_diskusage(9, 9, 10**4))
    net, inputs = network(), images(40, 48, 10, 12)
    monkeypatch.setattr(net, 'encode', lambda *_, **__: pytest.fail('it has started'))
    with pytest.raises(UserError, match=r'48×40 .* GB of the disk in .*0\.0 are free') as caught:
        super_resolve(net, *inputs, InferenceOptions(tile=8))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.usefixtures('_all_in_files')
def test_on_a_ram_disk_the_room_is_memory(monkeypatch, tmp_path, free):
    """Where there is no other disk, either."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setattr('masasr_mm.system.lies_in_memory', lambda folder: True)
    monkeypatch.setattr(memory, 'lies_in_memory', lambda folder: True)
    net, inputs = network(), images(40, 48, 10, 12)
    taken = needed(net, *inputs[:2], 8)
    free(taken + 10**5)
    with pytest.raises(UserError, match=r'of the disk in .*0\.0 are free'):
        check_disk(net, *inputs[:2], 8)
    free(taken + 10**8)
    check_disk(net, *inputs[:2], 8)


def files_of_the_process() -> int:
    return psutil.Process().num_fds()  # of files without names, too


@on_posix
def test_what_is_large_lies_in_a_file_and_the_rest_in_memory():
    before, buffers = files_of_the_process(), MappedBuffers(400)
    small = buffers.zeros((10, 10), torch.float32, CPU)
    assert files_of_the_process() == before
    large = buffers.zeros((10, 11), torch.float32, CPU)
    assert files_of_the_process() == before + 1
    assert not small.any()
    assert not large.any()
    large[3, 4] = 2.5
    buffers.flush()
    assert large[3, 4] == 2.5
    assert large.sum() == 2.5
    view = large[2:4]
    del large
    gc.collect()
    buffers.flush()
    assert view.sum() == 2.5
    del view
    gc.collect()
    assert files_of_the_process() == before


@on_posix
def test_a_full_disk_is_told_in_a_line(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'posix_fallocate', full, raising=False)
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    before = files_of_the_process()
    with pytest.raises(UserError, match=r'no room for 0\.4 GB.*No space left.*TMPDIR') as caught:
        MappedBuffers(0).zeros((10**8,), torch.float32, CPU)
    assert str(tmp_path) in str(caught.value)
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
    feature = MappedBuffers(0).zeros((20, 10**6), torch.float32, CPU)
    assert taken[0] * 512 >= 80 * 10**6
    assert feature.shape == (20, 10**6)
    assert not feature[::7, ::999].any()


@pytest.mark.skipif(not lies_in_memory(Path('/dev/shm')), reason='no RAM disk is there')
def test_files_do_not_lie_in_memory(monkeypatch):
    """Where TMPDIR, such as /tmp of many systems, is a RAM disk."""
    monkeypatch.setattr('tempfile.tempdir', '/dev/shm')
    feature = MappedBuffers(0).zeros((10**6,), torch.float32, CPU)
    folders = [entry.path for entry in psutil.Process().memory_maps(grouped=False)]
    assert not any(path.startswith('/dev/shm/tmp') for path in folders)
    assert any(path.startswith('/var/tmp/') for path in folders)
    assert not feature.any()
