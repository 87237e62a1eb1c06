"""make_photos.py: photographs of packages as patches, with a manifest, the same at each run."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
import skimage.data

from masasr_mm.datasets import CUFED5Dataset, PhotoPatchDataset
from tests.conftest import REPOSITORY
from tests.image_files import encode
from tests.packed import write_package
from tests.scripts import call_tool, load_tool

make_photos = load_tool('dataset_converters/make_photos.py')
photo_packages = load_tool('dataset_converters/photo_packages.py')


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A package with parts of photographs that differ; the third is to validate on."""
    monkeypatch.setattr(make_photos, 'VALIDATED_ON', {2})
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


def test_photographs_that_join_later_are_counted_last(packages, tmp_path, monkeypatch):
    last, scikit = (getattr(skimage.data, name)()[:300, :400] for name in ('chelsea', 'coffee'))
    write_package(packages / 'gramps_1.2-3_all.deb', {'pictures/last.png': encode(last)})
    image = photo_packages.PackedImage('scikit-image', '1', 'scikit.png', encode(scikit), '', '')
    monkeypatch.setattr(make_photos, 'scikit_image', lambda: iter([image]))
    make_photos.build(tmp_path, packages)
    manifest = json.loads((tmp_path / 'photos.json').read_text('utf-8'))
    assert [Path(photo['file']).stem for photo in manifest] == ['a', 'b', 'c', 'scikit', 'last']
    assert [photo['kind'] for photo in manifest] == ['train', 'train', 'val', 'train', 'train']


def test_the_manifest_in_the_docs_names_what_the_packages_give():
    with (REPOSITORY / 'docs' / 'photographs.csv').open(encoding='utf-8', newline='') as file:
        photos = list(csv.DictReader(file))
    packages = dict.fromkeys(photo['package'] for photo in photos)
    first, later = photo_packages.FIRST_PACKAGES, photo_packages.LATER_PACKAGES
    assert list(packages) == [*first, 'scikit-image', *later]
    validated = [at for at, photo in enumerate(photos) if photo['used for'] == 'validation']
    assert validated == list(make_photos.VALIDATED_ON)


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
