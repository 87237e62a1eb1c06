"""LoadRGBImage in place of mmagic's loader."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from mmagic.datasets.transforms import LoadImageFromFile
from mmagic.registry import TRANSFORMS

from masasr_mm.datasets.transforms import LoadRGBImage
from masasr_mm.errors import UserError
from tests.image_files import encode, encode_png16

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


def test_list_of_paths(paths):
    results = LoadRGBImage('ref')(dict(ref_path=paths))
    assert results['ori_ref_shape'] == [(6, 9, 3), (5, 4, 3)]
    np.testing.assert_array_equal(results['ref'][0], FIRST)
    np.testing.assert_array_equal(results['ref'][1], SECOND)


def test_16_bit_is_scaled(tmp_path):
    pixels = rng.integers(0, 65536, (6, 9, 3), np.uint16)
    (tmp_path / 'deep.png').write_bytes(encode_png16(pixels))
    loaded = LoadRGBImage('gt')(dict(gt_path=str(tmp_path / 'deep.png')))['gt']
    np.testing.assert_array_equal(loaded, np.rint(pixels / 257.0).astype(np.uint8))


def test_to_float32(paths):
    loaded = LoadRGBImage('gt', to_float32=True)(dict(gt_path=paths[0]))['gt']
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, FIRST)


def test_cache_survives_the_file_and_changes_to_the_array(paths, tmp_path):
    loader = LoadRGBImage('gt', use_cache=True)
    loader(dict(gt_path=paths[0]))['gt'][:] = 0
    (tmp_path / '1.png').unlink()
    np.testing.assert_array_equal(loader(dict(gt_path=paths[0]))['gt'], FIRST)


def test_without_cache_the_file_is_read_again(paths, tmp_path):
    loader = LoadRGBImage('gt')
    loader(dict(gt_path=paths[0]))
    (tmp_path / '1.png').write_bytes(encode(SECOND))
    np.testing.assert_array_equal(loader(dict(gt_path=paths[0]))['gt'], SECOND)


def test_backend_args(paths):
    loader = LoadRGBImage('gt', backend_args=dict(backend='local'))
    np.testing.assert_array_equal(copy.deepcopy(loader)(dict(gt_path=paths[0]))['gt'], FIRST)


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('gone.png', None, 'cannot be read: No such file'),
        ('empty.png', b'', 'empty'),
        ('text.png', b'text', 'not an image'),
        ('half.png', encode(FIRST)[:100], 'cannot be read as an image'),
    ],
)
def test_bad_file_is_named(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f'^{tmp_path}/{name}: .*{reason}'):
        LoadRGBImage('gt')(dict(gt_path=str(tmp_path / name)))


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(UserError, match='Is a directory'):
        LoadRGBImage('gt')(dict(gt_path=str(tmp_path)))
