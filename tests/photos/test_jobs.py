"""Files in, files out: which references, which result."""

from __future__ import annotations

import pytest

from masasr_mm.errors import UserError
from masasr_mm.photos.jobs import plan_jobs


def plan(*lq, refs=('sharp1.jpg',), out=None, suffix='_x4', kind=None):
    """Return {photo: result} and the format."""
    jobs, kind = plan_jobs(lq, refs, out, suffix, kind)
    return {str(job.lq): str(job.out) for job in jobs}, kind


def names(paths):
    return [path.as_posix() for path in paths]


def test_files_serve_every_photo_and_a_folder_pairs(folder):
    jobs, _ = plan_jobs(['photos'], ['sharp1.jpg', 'sharp2.jpg'], None, '_x4', None)
    assert [names(job.refs) for job in jobs] == [['sharp1.jpg', 'sharp2.jpg']] * 2
    jobs, _ = plan_jobs(['photos'], ['sharp?.jpg'], None, '_x4', None)
    assert [names(job.refs) for job in jobs] == [['sharp1.jpg', 'sharp2.jpg']] * 2
    jobs, _ = plan_jobs(['photos', 'photos/sub/c.png'], ['refs'], 'out', '_x4', None)
    assert [names(job.refs) for job in jobs] == [
        ['refs/a.jpg', 'refs/a.webp'], ['refs/b/1.png', 'refs/b/2.png'], [],
    ]  # fmt: skip
    jobs, _ = plan_jobs(['photos'], None, None, '_x4', None)
    assert [job.refs for job in jobs] == [(job.lq,) for job in jobs]


def test_a_photo_without_references_knows_where_they_were_looked_for(folder):
    jobs, _ = plan_jobs(['photos/sub/c.png'], ['refs'], None, '_x4', None)
    assert [(job.refs, str(job.ref_folder)) for job in jobs] == [((), 'refs')]


def test_a_folder_of_references_stands_alone(folder):
    with pytest.raises(UserError, match='refs is a folder'):
        plan('photos', refs=['refs', 'sharp1.jpg'])


def test_where_results_go(folder):
    assert plan('sharp1.jpg') == ({'sharp1.jpg': 'sharp1_x4.png'}, 'png')
    assert plan('sharp1.jpg', suffix='_big', kind='webp')[0] == {'sharp1.jpg': 'sharp1_big.webp'}
    assert plan('sharp1.jpg', out='out')[0] == {'sharp1.jpg': 'out/sharp1_x4.png'}
    assert plan('sharp1.jpg', out='empty')[0] == {'sharp1.jpg': 'empty/sharp1_x4.png'}
    assert plan('sharp1.jpg', out='new.d/')[0] == {'sharp1.jpg': 'new.d/sharp1_x4.png'}
    assert plan('sharp1.jpg', out='new/big.JPEG') == ({'sharp1.jpg': 'new/big.JPEG'}, 'jpg')
    beside = f'{folder}/photos_x4'
    assert plan('photos')[0] == {
        'photos/a.png': f'{beside}/a_x4.png', 'photos/b.JPG': f'{beside}/b_x4.png',
    }  # fmt: skip
    assert plan('photos', out='out', suffix='')[0]['photos/a.png'] == 'out/a.png'
    assert plan('sharp*.jpg', out='out', kind='jpg')[1] == 'jpg'


def test_photos_that_differ_in_their_suffix_alone_keep_it(folder):
    (folder / 'photos' / 'a.gif').touch()
    assert plan('photos', out='out')[0] == {
        'photos/a.gif': 'out/a.gif_x4.png',
        'photos/a.png': 'out/a.png_x4.png',
        'photos/b.JPG': 'out/b_x4.png',
    }


@pytest.mark.parametrize(
    ('lq', 'options', 'message'),
    [
        (['sharp1.jpg', 'sharp2.jpg'], {}, '--out'),
        (['photos'], dict(out='out.png'), 'is a file'),
        (['photos'], dict(out='sharp1.jpg'), 'is a file'),
        (['sharp1.jpg'], dict(out='a.bmp'), r"a\.bmp.*'\.bmp'"),
        (['sharp1.jpg'], dict(out='a.png', kind='jpg'), '--format jpg'),
        (['sharp1.jpg'], dict(suffix='', kind='jpg'), r'sharp1\.jpg is a photo'),
        (['sharp1.jpg'], dict(out='sharp1.jpg'), r'sharp1\.jpg is a photo'),
        (['photos'], dict(out='photos'), 'next run'),
        (['photos/*.png'], dict(out='photos'), 'next run'),
        (['photos/a.png', 'same/a.png'], dict(out='out'), 'would both be written'),
    ],
)
def test_results_never_take_the_place_of_something_else(lq, options, message, folder):
    (folder / 'same').mkdir()
    (folder / 'same' / 'a.png').touch()
    with pytest.raises(UserError, match=message) as error:
        plan(*lq, **options)
    assert '\n' not in str(error.value)
