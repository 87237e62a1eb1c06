"""Files that names stand for."""

from __future__ import annotations

import pytest

from masasr_mm.errors import UserError
from masasr_mm.photos.finding import find_images, paired_references


def names(paths):
    return [path.as_posix() for path in paths]


def test_what_names_stand_for(folder):
    assert names(find_images(['photos'])) == ['photos/a.png', 'photos/b.JPG']
    assert names(find_images(['photos/*.png'])) == ['photos/a.png']
    assert names(find_images(['photos/**/*.png'])) == ['photos/a.png', 'photos/sub/c.png']
    assert names(find_images(['one[1].png'])) == ['one[1].png']
    assert names(find_images(['odd'])) == ['odd']
    assert names(find_images(['photos/b.JPG', 'photos'])) == ['photos/b.JPG', 'photos/a.png']


@pytest.mark.parametrize('name', ['missing.png', 'missing/*.png', 'empty', 'photos/*.txt'])
def test_names_that_stand_for_nothing_are_told(name, folder):
    with pytest.raises(UserError, match=name.split('*')[0]):
        find_images([name])


def test_references_pair_by_name(folder):
    refs = folder / 'refs'

    def paired(name):
        return [path.relative_to(refs).as_posix() for path in paired_references(name, refs)]

    assert paired(folder / 'photos/a.png') == ['a.jpg', 'a.webp']
    assert paired(folder / 'photos/b.JPG') == ['b/1.png', 'b/2.png']
    assert paired(folder / 'photos/sub/c.png') == []
