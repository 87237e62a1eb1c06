"""make_pairs.py: five pairs in CUFED5's layout, each photo as it is measured."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from masasr_mm.datasets import CUFED5Dataset
from tests.image_files import encode
from tests.packed import write_package
from tests.scripts import call_tool, load_tool

make_pairs = load_tool('dataset_converters/make_pairs.py')


def photo(name: str) -> bytes:
    """A picture of odd size that is the name's own, as PNG."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return encode(random.integers(0, 256, (83, 91, 3), np.uint8))


@pytest.fixture
def packages(tmp_path):
    names = [name for pair in make_pairs.PAIRS.values() for name in pair if 'motor' not in name]
    folder = tmp_path / 'packages'
    folder.mkdir()
    write_package(folder / 'opencv-doc.deb', {f'data/{name}': photo(name) for name in names})
    return folder


def test_photos_references_and_unlike_ones(packages, tmp_path, monkeypatch):
    out = tmp_path / 'pairs'
    assert not call_tool(make_pairs, monkeypatch, out, '--packages', packages)
    items = list(CUFED5Dataset(str(out)))
    assert [item['key'] for item in items] == list(make_pairs.PAIRS)
    read = {path.stem: Image.open(path) for path in out.iterdir()}
    assert read['rubberwhale_0'].size == (88, 80)  # cut to multiples of 4
    assert read['graf_1'].size == (44, 40)  # halved, then cut
    assert read['motorcycle_0'].size == read['motorcycle_1'].size == (512, 448)
    original = Image.open(io.BytesIO(photo('rubberwhale2.png')))
    np.testing.assert_array_equal(read['rubberwhale_1'], np.asarray(original)[:80, :88])
    # The unlike reference is another pair's.
    np.testing.assert_array_equal(read['aloe_2'], read['graf_1'])
    np.testing.assert_array_equal(read['rubberwhale_2'], read['aloe_1'])
