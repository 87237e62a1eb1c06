"""What lies in files is told before it is written."""

from __future__ import annotations

import shutil
import weakref

import pytest
import torch

from masasr_mm.errors import UserError
from masasr_mm.models import MASANet
from masasr_mm.models.inference import choosing, disk, rooms
from masasr_mm.models.inference.any_size import super_resolve
from masasr_mm.models.inference.disk import needed_on_disk
from masasr_mm.models.inference.tiled import TiledMASANet
from tests.models.inference.test_choosing import shapes
from tests.models.inference.test_tiled import images, network


@pytest.fixture
def mapped(monkeypatch):
    """Count the bytes in files: those at the moment, and the most there were."""
    now, most = [0], [0]
    right = rooms._map_file

    def count(size):
        now[0] += size
        most[0] = max(most[0], now[0])
        file = right(size)
        weakref.finalize(file, lambda: now.__setitem__(0, now[0] - size))
        return file

    monkeypatch.setattr(rooms, '_map_file', count)
    return most


@pytest.mark.parametrize('dtype', [None, 'float16'])
@pytest.mark.parametrize('sizes', [(40, 48, 10, 12), (40, 48, 60, 70)])
def test_it_is_what_the_files_take_at_most(mapped, monkeypatch, sizes, dtype):
    """Where the features of the reference are kept, and where its texture."""
    monkeypatch.setattr(disk, 'LARGEST_SHARE', 0)  # everything lies in files
    net, inputs = network(), images(*sizes, n=2)
    TiledMASANet(net, 8, dtype, rooms=rooms.Rooms(0)).super_resolve(*inputs)
    assert mapped[0] == needed_on_disk(net, *inputs[:2], dtype) > 0


def test_it_is_half_in_bfloat16(mapped, monkeypatch):
    monkeypatch.setattr(disk, 'LARGEST_SHARE', 0)
    net, inputs = network(), images(40, 48, 60, 70)
    in_float32 = needed_on_disk(net, *inputs[:2])
    with torch.autocast('cpu', torch.bfloat16):
        assert needed_on_disk(net, *inputs[:2]) == in_float32 / 2
        TiledMASANet(net, 8, rooms=rooms.Rooms(0)).super_resolve(*inputs)
    assert mapped[0] == in_float32 / 2


def test_what_fits_into_memory_takes_none(monkeypatch):
    inputs = images(40, 48, 10, 12)[:2]
    monkeypatch.setattr(disk, 'free_memory', lambda device: 10**9)
    assert needed_on_disk(network(), *inputs) == 0
    elsewhere = shapes(3000, 4000, 3000, 4000)  # on a device that takes no files
    assert needed_on_disk(MASANet(), *elsewhere) == 0


def test_a_disk_without_room_is_told_before_it_starts(monkeypatch, tmp_path):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setattr(disk, 'LARGEST_SHARE', 0)
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: shutil._ntuple_diskusage(9, 9, 10**4))
    net, inputs = network(), images(40, 48, 10, 12)
    monkeypatch.setattr(net.encoder, 'forward', lambda *_, **__: pytest.fail('it has started'))
    with pytest.raises(UserError, match=r'48×40 .* GB of the disk in .*0\.0 are free') as caught:
        super_resolve(net, *inputs, dict(tile=8))
    assert str(tmp_path) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_on_a_ram_disk_the_room_is_memory(monkeypatch, tmp_path):
    """Where there is no other disk, either."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setattr('masasr_mm.system.lies_in_memory', lambda folder: True)
    monkeypatch.setattr(disk, 'lies_in_memory', lambda folder: True)
    net, inputs = network(), images(40, 48, 10, 12)
    needed = choosing.needed_in_tiles(net, *inputs[:2], 8)
    monkeypatch.setattr(disk, 'LARGEST_SHARE', 0)
    monkeypatch.setattr(disk, 'free_memory', lambda device: needed + 10**5)
    with pytest.raises(UserError, match=r'of the disk in .*0\.0 are free'):
        disk.check_disk(net, *inputs[:2], 8)
    monkeypatch.setattr(disk, 'free_memory', lambda device: needed + 10**8)
    disk.check_disk(net, *inputs[:2], 8)
