"""Image files with every kind of damage: one line with the name, quickly, in little memory."""

from __future__ import annotations

import resource
import struct
import time
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image

from masasr_mm.datasets.transforms import LoadRGBImage
from masasr_mm.errors import BrokenFileError, UserError
from masasr_mm.images.io import read_rgb


def bomb(path: Path) -> None:
    """A PNG of a few kB that has 900 million pixels, by its header."""
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack('>II', 30000, 30000)
    content[29:33] = struct.pack('>I', zlib.crc32(bytes(content[12:29])))
    path.write_bytes(content)


def real_bomb(path: Path) -> None:
    """The same with all its pixels, black ones; 2.7 GB when decoded."""
    rows = zlib.compressobj(9)
    data = b''.join(rows.compress(bytes(1 + 3 * 30000)) for _ in range(2000)) + rows.flush()

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack('>I', zlib.crc32(kind + content))
        return struct.pack('>I', len(content)) + kind + content + checksum

    header = chunk(b'IHDR', struct.pack('>IIBBBBB', 30000, 30000, 8, 2, 0, 0, 0))
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + header + chunk(b'IDAT', data) + chunk(b'IEND', b''))


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


DAMAGE = dict(
    truncated=(lambda path: path.write_bytes(path.read_bytes()[:500]), 'truncated'),
    empty=(lambda path: path.write_bytes(b''), 'is empty'),
    text=(lambda path: path.write_text('<html>404</html>'), 'not an image'),
    wrong_type=(lambda path: torch.save({'a': torch.zeros(1)}, path), 'not an image'),
    bomb=(bomb, 'exceeds limit'),
    real_bomb=(real_bomb, 'exceeds limit'),
    folder=(replace_by_folder, 'Is a directory'),
    deleted=(lambda path: path.unlink(), 'No such file'),
    # the kernel fails to read it, for root too
    unreadable=(lambda path: replace_by_link(path, '/proc/self/mem'), 'Input/output error'),
    endless_link=(lambda path: replace_by_link(path, str(path)), 'Too many levels'),
)


@pytest.mark.parametrize('kind', DAMAGE)
def test_every_damage_is_one_line(tmp_path, small_data, kind):
    path = tmp_path / 'photo.png'
    path.write_bytes((small_data / 'train' / 'input' / '000.png').read_bytes())
    damage, words = DAMAGE[kind]
    damage(path)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(BrokenFileError, match=words) as caught:
        LoadRGBImage('gt')(dict(gt_path=str(path)))
    with pytest.raises(UserError) as at_photos:
        read_rgb(path)
    for error in (caught, at_photos):
        assert str(error.value).startswith(str(path)) or 'not found' in str(error.value)
        assert '\n' not in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert time.monotonic() - start < 5


def test_a_large_honest_photo_is_read(tmp_path):
    """Below Pillow's limit nothing is refused: 30 million pixels."""
    Image.new('RGB', (6000, 5000), (1, 2, 3)).save(tmp_path / 'large.png')
    assert read_rgb(tmp_path / 'large.png').shape == (5000, 6000, 3)
