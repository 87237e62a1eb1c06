"""Images inside packages."""

from __future__ import annotations

import pytest

from masasr_mm.datasets.photos import download, images_in_folder, scikit_image
from masasr_mm.datasets.photos.packages import UNKNOWN
from masasr_mm.errors import UserError

from .packed import resource, write_package


def test_images_with_what_the_package_says_of_them(tmp_path):
    files = {
        'usr/share/pictures/cat.png': b'cat',
        'usr/share/pictures/readme.txt': b'text',
        'usr/share/all.rcc': resource('inside', {'dog.JPG': b'dog', 'sound.ogg': b'woof'}),
    }
    write_package(tmp_path / 'pictures.deb', files)
    cat, dog = images_in_folder(tmp_path)
    assert cat[:4] == ('pictures', '1.2-3', 'usr/share/pictures/cat.png', b'cat')
    assert (cat.author, cat.licence) == ('2020 A. Photographer', 'CC0-1.0')
    assert (dog.file, dog.content) == ('usr/share/all.rcc/inside/dog.JPG', b'dog')
    assert (dog.author, dog.licence) == ('2001 Nobody', 'GPL-2+')


def test_a_copyright_file_in_free_words_is_pointed_to(tmp_path):
    write_package(tmp_path / 'p.deb', {'a.png': b'a'}, 'Made by some people.')
    [image] = images_in_folder(tmp_path)
    assert image.author == image.licence == UNKNOWN


@pytest.mark.parametrize('content', [None, b'', b'!<arch>\n', b'no package at all'])
def test_what_is_no_package_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / 'broken.deb').write_bytes(content)
    with pytest.raises(UserError) as caught:
        list(images_in_folder(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_without_apt_a_folder_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(UserError, match='--packages FOLDER'):
        download(['pictures'], tmp_path / 'packages')


def test_scikit_image_carries_photographs():
    assert 'skimage/data/astronaut.png' in [image.file for image in scikit_image()]
