"""make_photos.py: photographs of packages as patches, with a manifest, the same at each run."""

from __future__ import annotations

import hashlib
import json

import pytest
import skimage.data

from masasr_mm.datasets import CUFED5Dataset, PhotoPatchDataset
from tests.image_files import encode
from tests.packed import write_package
from tests.scripts import call_tool, load_tool

make_photos = load_tool('dataset_converters/make_photos.py')


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A package with parts of photographs that differ; one in three is to validate on."""
    monkeypatch.setattr(make_photos, 'VALIDATE_ON_EVERY', 3)
    monkeypatch.setattr(make_photos, 'scikit_image', lambda: iter(()))
    photo = skimage.data.astronaut()
    parts = dict(a=photo[:256, :256], b=photo[:256, 256:], c=photo[256:, :256])
    files = {f'pictures/{name}.png': encode(pixels) for name, pixels in parts.items()}
    folder = tmp_path / 'packages'
    folder.mkdir()
    write_package(folder / 'pictures.deb', files)
    return folder


def test_patches_views_and_a_manifest(packages, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out'
    assert not call_tool(make_photos, monkeypatch, out, '--packages', packages)
    assert '3 photographs, 2 patches to train on, 2 to validate on' in capsys.readouterr().out
    assert len(PhotoPatchDataset(str(out / 'train'))) == 2
    [item] = CUFED5Dataset(str(out / 'val'))
    assert item['key'] == '0002'
    manifest = json.loads((out / 'photos.json').read_text('utf-8'))
    assert [photo['file'] for photo in manifest] == [f'pictures/{name}.png' for name in 'abc']
    assert (manifest[0]['package'], manifest[0]['version']) == ('pictures', '1.2-3')
    assert manifest[0]['licence'] == 'GPL-2+'
    for photo in manifest:
        for name, checksum in photo['patches'].items():
            content = (out / photo['kind'] / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == checksum


def test_the_same_packages_give_the_same_bytes(packages, tmp_path, monkeypatch):
    made = []
    for name in ('one', 'two'):
        call_tool(make_photos, monkeypatch, tmp_path / name, '--packages', packages)
        files = sorted(path for path in (tmp_path / name).rglob('*') if path.is_file())
        made.append({str(p.relative_to(tmp_path / name)): p.read_bytes() for p in files})
    assert made[0] == made[1]


def test_a_package_that_breaks_off_leaves_nothing_behind(packages, tmp_path, monkeypatch, capsys):
    (packages / 'z.deb').write_bytes(b'no package')
    assert call_tool(make_photos, monkeypatch, tmp_path / 'out', '--packages', packages)
    assert 'z.deb: cannot be read as a Debian package' in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ['packages']
