"""What is trained on: photographs, each once, and none that results are measured on."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from masasr_mm.datasets.photos import NEVER_TRAINED_ON, PackedImage, Selection, scikit_image
from masasr_mm.datasets.photos.selection import SHORTER_SIDE

PHOTOS = {image.file.rsplit('/', 1)[1]: image for image in scikit_image()}


def packed(picture: Image.Image, file: str = 'a/b.png', **options) -> PackedImage:
    stream = io.BytesIO()
    picture.save(stream, options.pop('format', 'PNG'), **options)
    return PackedImage('package', '1', file, stream.getvalue(), '', '')


def opened(name: str) -> Image.Image:
    return Image.open(io.BytesIO(PHOTOS[name].content)).convert('RGB')


@pytest.mark.parametrize('name', ['astronaut.png', 'coffee.png', 'chelsea.png'])
def test_photographs_are_kept_as_they_are(name):
    np.testing.assert_array_equal(Selection().photograph(PHOTOS[name]), np.asarray(opened(name)))


def test_large_ones_are_reduced():
    large = opened('coffee.png').resize((3000, 2000), Image.Resampling.LANCZOS)
    noise = np.random.default_rng(0).normal(0, 12, (2000, 3000, 3))
    picture = Image.fromarray(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))
    assert Selection().photograph(packed(picture)).shape == (SHORTER_SIDE, 1536, 3)


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
    assert Selection().photograph(packed(picture)) is None


def test_a_broken_file_is_passed_over():
    image = packed(opened('coffee.png'))
    assert Selection().photograph(image._replace(content=image.content[:5000])) is None


def test_a_picture_comes_once_in_whatever_size_and_format():
    selection = Selection()
    assert selection.photograph(packed(opened('coffee.png'))) is not None
    assert selection.photograph(packed(opened('coffee.png'))) is None
    again = packed(opened('coffee.png').resize((480, 320)), format='JPEG', quality=60)
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
    options = dict(format='JPEG', quality=50) if change == 'jpeg' else {}
    assert Selection().photograph(packed(picture, **options)) is None


def test_ten_pictures_are_known_by_their_hashes():
    pairs = {
        'aloe': 'LR',
        'graf': '13',
        'leuven': 'AB',
        'rubberwhale': '12',
        'motorcycle_': ['left', 'right'],
    }
    names = [f'{pair}{view}' for pair, views in pairs.items() for view in views]
    assert list(NEVER_TRAINED_ON) == names
