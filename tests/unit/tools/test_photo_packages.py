"""Photographs of packages: read, chosen, cut into patches."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from masasr_mm.errors import UserError
from tests.image_files import encode
from tests.packed import resource, write_package
from tests.scripts import load_tool

packages = load_tool('dataset_converters/photo_packages.py')


def test_images_with_what_the_package_says_of_them(tmp_path):
    files = {
        'usr/share/pictures/cat.png': b'cat',
        'usr/share/pictures/readme.txt': b'text',
        'usr/share/all.rcc': resource('inside', {'dog.JPG': b'dog', 'sound.ogg': b'woof'}),
    }
    write_package(tmp_path / 'pictures.deb', files)
    cat, dog = packages.images_in_folder(tmp_path)
    assert cat[:4] == ('pictures', '1.2-3', 'usr/share/pictures/cat.png', b'cat')
    assert (cat.author, cat.licence) == ('2020 A. Photographer', 'CC0-1.0')
    assert (dog.file, dog.content) == ('usr/share/all.rcc/inside/dog.JPG', b'dog')
    assert (dog.author, dog.licence) == ('2001 Nobody', 'GPL-2+')


@pytest.mark.parametrize('content', [None, b'', b'!<arch>\n', b'no package at all'])
def test_what_is_no_package_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / 'broken.deb').write_bytes(content)
    with pytest.raises(UserError) as caught:
        list(packages.images_in_folder(tmp_path))
    assert str(tmp_path) in str(caught.value)


FILES = {'cat.png': b'meow' * 50, 'dog ü.jpg': b'woof'}


@pytest.mark.parametrize('content', [b'', b'qres', b'PNG' * 20, resource('a', FILES)[:60]])
def test_what_is_no_whole_resource_is_a_value_error(content):
    with pytest.raises(ValueError, match='resource'):
        list(packages.files_in_resource(content))


PHOTOS = {image.file.rsplit('/', 1)[1]: image for image in packages.scikit_image()}


def packed(picture: Image.Image, file: str = 'a/b.png', **options) -> packages.PackedImage:
    return packages.PackedImage('package', '1', file, encode(picture, **options), '', '')


def opened(name: str) -> Image.Image:
    return Image.open(io.BytesIO(PHOTOS[name].content)).convert('RGB')


def drawing() -> Image.Image:
    picture = Image.new('RGB', (400, 300), 'navy')
    for radius in range(140, 0, -10):
        ImageDraw.Draw(picture).ellipse(
            (200 - radius, 150 - radius, 200 + radius, 150 + radius), fill=(radius, 255 - radius, 9)
        )
    return picture


def see_through() -> Image.Image:
    picture = opened('astronaut.png').convert('RGBA')
    picture.paste((255, 255, 255, 0), (0, 0, 300, 300))
    return picture


@pytest.mark.parametrize(
    'picture',
    [
        drawing(),
        see_through(),
        opened('astronaut.png').resize((200, 200)),
        opened('astronaut.png').convert('L'),
        opened('coffee.png').resize((60, 40)).resize((600, 400)),
    ],
    ids=['drawing', 'see-through', 'small', 'grey', 'blurred'],
)
def test_other_pictures_are_passed_over(picture):
    assert packages.Selection().photograph(packed(picture)) is None


def test_a_picture_comes_once_in_whatever_size_and_format():
    selection = packages.Selection()
    assert selection.photograph(packed(opened('coffee.png'))) is not None
    assert selection.photograph(packed(opened('coffee.png'))) is None
    again = packed(opened('coffee.png').resize((480, 320)), kind='JPEG', quality=60)
    assert selection.photograph(again) is None
    assert selection.photograph(packed(opened('chelsea.png'))) is not None


@pytest.mark.parametrize('name', ['motorcycle_left.png', 'motorcycle_right.png'])
@pytest.mark.parametrize('change', ['none', 'reduced', 'jpeg', 'brighter'])
def test_pairs_that_results_are_measured_on_are_never_trained_on(name, change):
    picture = opened(name)
    if change == 'reduced':
        picture = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3))
    elif change == 'brighter':
        picture = picture.point(lambda value: min(255, value + 20))
    options = dict(kind='JPEG', quality=50) if change == 'jpeg' else {}
    assert packages.Selection().photograph(packed(picture, **options)) is None


SIDE = packages.SIDE


def test_patches_cover_the_photo_and_are_parts_of_it():
    photo = np.random.default_rng(0).integers(0, 256, (512, 400, 3), np.uint8)
    patches = packages.cut_patches(photo)
    assert sorted(patches) == ['0000_0000', '0000_0144', '0256_0000', '0256_0144']
    for place, patch in patches.items():
        top, left = map(int, place.split('_'))
        np.testing.assert_array_equal(patch, photo[top : top + SIDE, left : left + SIDE])


def test_patches_of_most_detail_come_first_and_empty_ones_not_at_all():
    photo = np.full((SIDE, 4 * SIDE, 3), 90, np.uint8)
    noise = np.random.default_rng(0).normal(0, 1, (SIDE, SIDE, 3))
    photo[:, SIDE : 2 * SIDE] = 128 + 10 * noise
    photo[:, 3 * SIDE :] = 128 + 20 * noise
    assert list(packages.cut_patches(photo)) == ['0000_0768', '0000_0256']
