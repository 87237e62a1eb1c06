"""LoadRGBImage in place of mmagic's loader."""

from __future__ import annotations

import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from mmagic.datasets.transforms import LoadImageFromFile
from mmagic.registry import TRANSFORMS

from masasr_mm.datasets.transforms import LoadRGBImage
from masasr_mm.errors import BrokenFileError, UserError
from masasr_mm.images.io import read_rgb
from tests.image_files import encode, png_chunk

rng = np.random.default_rng(0)
FIRST, SECOND = rng.integers(0, 256, (6, 9, 3), np.uint8), rng.integers(0, 256, (5, 4, 3), np.uint8)


@pytest.fixture
def paths(tmp_path) -> list[str]:
    for name, pixels in (('1.png', FIRST), ('2.png', SECOND)):
        (tmp_path / name).write_bytes(encode(pixels))
    return [str(tmp_path / '1.png'), str(tmp_path / '2.png')]


def test_same_keys_as_mmagic(paths):
    loader = TRANSFORMS.build(dict(type='LoadRGBImage', key='gt', save_original_img=True))
    stock = LoadImageFromFile('gt', channel_order='rgb', save_original_img=True)
    ours, theirs = loader(dict(gt_path=paths[0])), stock(dict(gt_path=paths[0]))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value)
    np.testing.assert_array_equal(ours['gt'], FIRST)


def test_cache_survives_the_file_and_changes_to_the_array(paths, tmp_path):
    loader = LoadRGBImage('gt', use_cache=True)
    loader(dict(gt_path=paths[0]))['gt'][:] = 0
    (tmp_path / '1.png').unlink()
    np.testing.assert_array_equal(loader(dict(gt_path=paths[0]))['gt'], FIRST)


def bomb(path: Path) -> None:
    """A PNG of a few kB with 900 million black pixels, 2.7 GB when decoded."""
    rows = zlib.compressobj(9)
    data = b''.join(rows.compress(bytes(1 + 3 * 30000)) for _ in range(200)) + rows.flush()
    header = png_chunk(b'IHDR', struct.pack('>IIBBBBB', 30000, 30000, 8, 2, 0, 0, 0))
    rest = png_chunk(b'IDAT', data) + png_chunk(b'IEND', b'')
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + header + rest)


DAMAGE = dict(
    truncated=(lambda path: path.write_bytes(encode(FIRST)[:100]), 'cannot be read as an image'),
    empty=(lambda path: path.write_bytes(b''), 'is empty'),
    text=(lambda path: path.write_text('<html>404</html>'), 'not an image'),
    bomb=(bomb, 'exceeds limit'),
    folder=(Path.mkdir, 'Is a directory'),
    missing=(lambda path: None, 'No such file'),
    # the kernel fails to read it, for root too
    unreadable=(lambda path: path.symlink_to('/proc/self/mem'), 'Input/output error'),
)


@pytest.mark.parametrize('kind', DAMAGE)
def test_damage_is_one_line_in_little_memory(tmp_path, kind):
    path = tmp_path / 'photo.png'
    damage, words = DAMAGE[kind]
    damage(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BrokenFileError, match=words) as caught:
        LoadRGBImage('gt')(dict(gt_path=str(path)))
    with pytest.raises(UserError) as at_photos:
        read_rgb(path)
    for error in (caught, at_photos):
        assert str(error.value).startswith(str(path)) or 'not found' in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
