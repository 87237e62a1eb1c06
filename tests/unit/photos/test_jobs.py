"""Which photos there are, which references go with each, and what will be written."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masasr_mm.errors import UserError
from masasr_mm.images.io import write_picture
from masasr_mm.photos.jobs import FinalSize, PhotoOptions, find_images, plan_jobs
from tests.image_files import exif_with_orientation, png_chunk


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """Photos and references as empty files, in the working directory."""
    monkeypatch.chdir(tmp_path)
    touch(
        'photos/a.png', 'photos/b.JPG', 'photos/notes.txt', 'photos/.hidden.png', 'photos/film.mpg',
        'photos/sub/c.png', 'photos/.git/d.png', 'one[1].png', 'refs/a.jpg', 'refs/a.webp',
        'refs/ab.png', 'refs/b/2.png', 'refs/b/1.png', 'refs/b/readme.md', 'sharp1.jpg',
        'sharp2.jpg', 'odd', 'film.eps',
    )  # fmt: skip
    Path('empty').mkdir()
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def plan(*lq, ref=('sharp1.jpg',), scale=4, reads=(), **options):
    return plan_jobs(PhotoOptions(lq, ref, **options), scale, reads)


def results(*lq, **options) -> dict[str, str]:
    return {str(job.lq): str(job.out) for job in plan(*lq, **options).jobs}


def references(*lq, **options) -> dict[str, list[str]]:
    return {str(job.lq): [str(ref) for ref in job.refs] for job in plan(*lq, **options).jobs}


def refused(words: str, *lq, **options) -> None:
    """Refused, and nothing is touched."""
    before = listing()
    with pytest.raises(UserError, match=words):
        plan(*lq, **options)
    assert listing() == before


def listing() -> dict:
    return {path: path.is_file() and path.read_bytes() for path in Path().rglob('*')}


def test_what_names_stand_for():
    def found(*names, **options):
        return [str(found.path) for found in find_images(names, **options)]

    assert found('photos') == ['photos/a.png', 'photos/b.JPG']
    assert found('photos/*.png') == ['photos/a.png']
    assert found('photos/*') == ['photos/a.png', 'photos/b.JPG']
    assert found('photos/**/*.png') == ['photos/a.png', 'photos/sub/c.png']
    assert found('photos', recursive=True) == ['photos/a.png', 'photos/b.JPG', 'photos/sub/c.png']
    assert found('one[1].png', 'odd', 'film.eps') == ['one[1].png', 'odd', 'film.eps']
    os.symlink('photos', 'album')
    again = ['photos/b.JPG', 'photos', 'photos/sub/../a.png', 'album']
    assert found(*again) == ['photos/b.JPG', 'photos/a.png']


def test_folders_that_cannot_be_read_are_told_and_passed_over(monkeypatch):
    touch('disk/a.png', 'disk/closed/b.png', 'disk/names only/c.png', 'disk/names only/d/e.png')
    scan, access = os.scandir, os.access

    def scandir(path):
        if Path(path).name == 'closed':
            raise PermissionError(13, 'Permission denied', str(path))
        return scan(path)

    monkeypatch.setattr(os, 'scandir', scandir)
    monkeypatch.setattr(
        os, 'access', lambda path, mode: 'only' not in str(path) and access(path, mode)
    )
    given = plan('disk', ref=None, recursive=True, out='out')
    assert [str(job.lq) for job in given.jobs] == ['disk/a.png']
    assert given.notes == [
        f'disk/{name}: cannot be read: Permission denied; left out'
        for name in ('closed', 'names only')
    ]
    assert plan('odd', ref=None, ref_from='disk').jobs
    for name in ('closed', 'names only'):
        refused(f'^disk/{name}: cannot be read: Permission denied$', f'disk/{name}')


def test_names_that_stand_for_nothing_are_refused():
    for name in ('missing.png', 'missing/*.png', 'empty', 'photos/*.mpg', '*.eps'):
        refused(name.split('*')[-1], name)
    touch('t/a/IMG_1.png', 't/b/IMG_1.png')
    refused(r'no image files in the folder t, but in folders below it: add --recursive', 't')


def test_files_serve_every_photo_and_a_folder_pairs():
    both = ['sharp1.jpg', 'sharp2.jpg']
    for ref in (both, ['sharp?.jpg']):
        assert list(references('photos', ref=ref).values()) == [both] * 2
    expected = {
        'photos/a.png': ['refs/a.jpg', 'refs/a.webp'],
        'photos/b.JPG': ['refs/b/1.png', 'refs/b/2.png'],
    }
    assert references('photos', ref=['refs']) == expected
    assert references('photos', ref=None)['photos/a.png'] == ['photos/a.png']
    [*_, job] = plan('photos', 'photos/sub/c.png', ref=['refs'], out='out').jobs
    assert not job.refs
    assert job.problem.startswith('photos/sub/c.png: no reference of that name; expected refs/c.*')
    refused('refs is a folder', 'photos', ref=['refs', 'sharp1.jpg'])


def test_a_folder_is_the_references_of_one_photo():
    every = ['refs/a.jpg', 'refs/a.webp', 'refs/ab.png']
    assert references('sharp1.jpg', ref=['refs']) == {'sharp1.jpg': every}
    # but for the photo itself
    assert references('refs/ab.png', ref=['refs'], out='out') == {'refs/ab.png': every[:2]}
    touch('alone/a.png')
    refused('alone but for the photo', 'alone/a.png', ref=['alone'], out='out')
    refused('empty but for', 'sharp1.jpg', ref=['empty'])


def test_a_folder_that_pairs_with_no_photo_says_how_to_use_all_of_it():
    touch('re[f]s/x.png', 're[f]s/y.png')
    words = r"nothing in re\[f\]s has the name of a photo, such as .*--ref 're\[\[\]f\]s/\*'$"
    refused(words, 'photos', ref=['re[f]s'])
    every = ['re[f]s/x.png', 're[f]s/y.png']
    assert references('photos', ref=['re[[]f]s/*'])['photos/a.png'] == every


def test_references_among_the_photos_are_left_out():
    given = plan('photos', ref=['photos/../photos/b.JPG'], out='out')
    assert [str(job.lq) for job in given.jobs] == ['photos/a.png']
    assert given.notes == ['1 of the files found is given with --ref, and left out of the photos']
    touch('photos/refs/b.png')
    given = plan('photos', ref=['photos/refs'], out='out', recursive=True)
    photos = [str(job.lq) for job in given.jobs]
    assert photos == ['photos/a.png', 'photos/b.JPG', 'photos/sub/c.png']
    assert len(given.notes) == 1
    # one that is named is a photo all the same
    assert references('photos/a.png', ref=['photos/*']) == {'photos/a.png': ['photos/b.JPG']}
    refused('all 2 files found are given with --ref', 'photos', ref=['photos/*'], out='out')


def test_results_of_an_earlier_run_are_left_out():
    for out, pattern, recursive in (
        ('photos/out', 'photos/**/*.png', False),
        ('photos/../photos/sub/new', 'photos', True),
    ):
        asked = dict(ref=None, out=out, recursive=recursive)
        first = plan(pattern, **asked)
        assert not first.notes
        touch(*(str(job.out) for job in first.jobs))
        again = plan(pattern, **asked)
        assert again.jobs == first.jobs
        [note] = again.notes
        assert f'found are in {out}, where the results go, and left out of the photos' in note
        shutil.rmtree(out)


def test_results_beside_their_photos_are_no_photos_and_no_references():
    made = 'a_x4.png', 'a_x4_compare.png', 'a_1920px.jpg', 'a_x4_x4.png'
    touch('d/a.png', 'd/b.png', 'd/c_x4.png', *(f'd/{name}' for name in made))
    others = {'d/a.png': ['d/b.png', 'd/c_x4.png']}
    for ref in ('d', 'd/*'):
        assert references('d/a.png', ref=[ref]) == others
    assert results('d/a.png', ref=None, ref_from='.') == {'d/a.png': 'd/a_x4.png'}
    again = plan('d', ref=['sharp1.jpg'])
    assert [job.lq.name for job in again.jobs] == ['a.png', 'b.png', 'c_x4.png']
    assert again.notes == [
        '4 of the files found are results of earlier runs, and left out of the photos'
    ]


def test_a_result_among_references_is_made_anew(folder):
    Image.new('RGB', (8, 8)).save('photos/other.png')
    refused(
        'other.png is read', 'photos/a.png', ref=None, ref_from='photos', out='photos/other.png'
    )
    write_picture(np.zeros((8, 8, 3), np.uint8), 'photos/other.png')
    plan('photos/a.png', ref=None, ref_from='photos', out='photos/other.png')


def test_where_results_go(folder, monkeypatch):
    own = dict(ref=None)
    for options, result in (
        (dict(ref=['sharp2.jpg']), 'sharp1_x4.png'),
        (dict(suffix='_big', format='webp', **own), 'sharp1_big.webp'),
        (dict(scale=2, out='out', **own), 'out/sharp1_x2.png'),
        (dict(scale=2, out='empty', **own), 'empty/sharp1_x2.png'),
        (dict(scale=2, out='new.d/', **own), 'new.d/sharp1_x2.png'),
        (dict(scale=2, out='new/big.JPEG', **own), 'new/big.JPEG'),
    ):
        assert results('sharp1.jpg', **options) == {'sharp1.jpg': result}
    assert plan('sharp1.jpg', out='new/big.JPEG', **own).format == 'jpg'
    assert plan('sharp*.jpg', out='out', format='jpg', **own).format == 'jpg'
    for options, a, b in (
        ({}, 'photos_x4/a_x4.png', 'photos_x4/b_x4.png'),
        (dict(out='out', suffix=''), 'out/a.png', 'out/b.png'),
        (dict(out='out', outscale=FinalSize(2.5)), 'out/a_x2.5.png', 'out/b_x2.5.png'),
        (dict(out='out', outscale=FinalSize(8)), 'out/a_x4.png', 'out/b_x4.png'),
        (
            dict(out='out', outscale=FinalSize(4), reduce_first=2.0),
            'out/a_x2.png',
            'out/b_x2.png',
        ),
    ):
        assert results('photos', **options) == {'photos/a.png': a, 'photos/b.JPG': b}
    Path('link').symlink_to('photos')
    beside = f'{folder}/photos_x4/a_x4.png'
    for name in ('link', 'photos/.', 'photos/sub/..'):
        assert Path(next(iter(results(name).values()))).resolve() == Path(beside)
    monkeypatch.chdir('photos')
    assert next(iter(results('.', ref=['../sharp1.jpg']).values())) == beside
    monkeypatch.chdir(folder)
    touch('photos/a.gif')  # photos that differ in their suffix alone keep it
    assert list(results('photos', out='out').values()) == [
        'out/a.gif_x4.png', 'out/a.png_x4.png', 'out/b_x4.png',
    ]  # fmt: skip


def test_folders_are_mirrored():
    touch('t/a/IMG_1.png', 't/b/IMG_1.png', 't/b/IMG_1.jpg', 'refs2/b/IMG_1/x.png')
    expected = {
        't/a/IMG_1.png': 'out/a/IMG_1_x4.png',
        't/b/IMG_1.jpg': 'out/b/IMG_1.jpg_x4.png',
        't/b/IMG_1.png': 'out/b/IMG_1.png_x4.png',
    }
    assert results('t', recursive=True, out='out') == expected
    assert results('t/**/*.*', recursive=True, out='out') == expected
    assert results('t/a', 't/b', recursive=True, out='out') == expected
    refused('--recursive', 't/**/*.png', out='out')
    paired = references('t', ref=['refs2'], recursive=True, out='out')
    assert list(paired.values()) == [[], ['refs2/b/IMG_1/x.png'], ['refs2/b/IMG_1/x.png']]


@pytest.mark.parametrize(
    ('lq', 'options', 'words'),
    [
        # over what is read
        (['photos/a.png'], dict(ref=['a_x4.png'], out='.'), r'^a_x4\.png is read and would be'),
        (['photos/a.png'], dict(out='sharp1.jpg'), r'sharp1\.jpg is read and would be'),
        (['photos'], dict(ref=['refs'], out='refs', suffix='', format='jpg'), 'refs/a.jpg is read'),
        (['sharp1.jpg'], dict(ref=None, suffix='', format='jpg'), r'sharp1\.jpg is read'),
        (['sharp1.jpg'], dict(ref=None, report='w/config.json'), r'w/config\.json is read'),
        (['odd'], dict(ref=['odd_x4_compare.png'], compare=True), 'odd_x4_compare.png is read'),
        # over one another
        (['same'], dict(suffix='', out='out', compare=True), r'out/a_compare\.png would be'),
        (['same'], dict(suffix='', out='out', skip_existing=True), r'out/a_compare\.png would be'),
        (['photos/a.png', 'same/a.png'], dict(out='out'), 'would both be written to out/a.png_x4'),
        (['photos'], dict(out='r.csv', report='r.csv'), 'r.csv would be both a file and the fold'),
        # places where nothing can be written
        (['photos'], dict(out='odd'), '--out odd is a file'),
        (['odd'], dict(compare=True), 'odd_x4_compare.png is a folder'),
        # what does not go together
        (['sharp1.jpg', 'sharp2.jpg'], dict(ref=None), 'say with --out'),
        (['photos'], dict(out='out.png'), 'is a file'),
        (['odd'], dict(out='a.bmp'), r"a\.bmp.*'\.bmp'"),
        (['odd'], dict(out='a.png', format='jpg'), '--format jpg'),
        (['odd'], dict(format='jpg', quality='lossless'), '--quality lossless'),
        (['odd'], dict(quality=10), '--quality 10: png is lossless'),
        (['odd'], dict(out='a.tif', quality=95), '--quality 95: tiff is lossless'),
        (['odd'], dict(format='webp', depth=16), '--depth 16: webp holds 8 bits'),
        (['odd'], dict(out='-'), '--out -: .*/-$'),
        (['odd'], dict(out='results.v2'), r', or results\.v2/ for a folder$'),
        (['odd'], dict(suffix='/../x'), '--suffix /../x'),
        (['odd'], dict(report='r.txt'), '--report r.txt'),
        (['photos'], dict(out='photos'), 'next run'),
        (['photos'], dict(out='photos', recursive=True), 'next run'),
    ],
)
def test_what_must_not_be_or_cannot_be_is_refused_before(lq, options, words):
    touch('same/a.png', 'same/a_compare.png', 'a_x4.png', 'w/config.json')
    if options.get('ref') == ['odd_x4_compare.png']:
        touch('odd_x4_compare.png')
    else:
        Path('odd_x4_compare.png').mkdir()
    refused(words, *lq, reads=[Path('w/config.json')], **options)


def aged(seconds: int, *names: str) -> None:
    """Make files older than now."""
    for name in names:
        time = Path(name).stat().st_ctime - seconds
        os.utime(name, (time, time))


def test_nothing_is_to_be_done_where_all_is_newer():
    def done(**options):
        options = dict(dict(suffix='', out='out', skip_existing=True), **options)
        return [job.done for job in plan('photos', **options).jobs]

    touch('out/a.png')
    aged(9, 'photos/a.png', 'photos/b.JPG', 'sharp1.jpg')
    assert done() == [True, False]
    assert done(skip_existing=False) == [False, False]
    assert done(compare=True) == [False, False]
    touch('out/a_compare.png')
    assert done(compare=True) == [True, False]
    touch('photos/a.png')
    assert done() == [False, False]
    aged(9, 'photos/a.png')
    touch('sharp1.jpg')
    assert done() == [False, False]
    assert done(ref=None) == [True, False]
    # a result with the time of its photo tells by its change when it was made
    aged(5, 'sharp1.jpg')
    aged(9, 'out/a.png')
    assert (done(), done(keep_time=True)) == ([False, False], [True, False])
    aged(-5, 'sharp1.jpg')
    assert done(keep_time=True) == [False, False]


@pytest.mark.parametrize(
    ('size', 'options', 'result'),
    [
        ((4096, 20), dict(format='webp'), '16384×80'),
        ((20, 4096), dict(out='r.webp'), '80×16384'),
        ((4095, 20), dict(format='webp'), None),
        ((4096, 20), dict(format='tiff'), None),
        ((16376, 20), dict(format='jpg'), '65504×80'),
        ((8192, 20), dict(format='webp', reduce_first=2), '16384×40'),
        ((8192, 20), dict(format='webp', outscale=FinalSize(1.9)), None),
        ((8192, 20), dict(format='webp', outscale=FinalSize(2)), '16384×40'),
        ((8192, 20), dict(format='webp', outscale=FinalSize(width=40_000)), '32768×80'),
        ((5000, 20, 6), dict(format='webp', outscale=FinalSize(width=70)), '70×17500'),
        ((20, 70), dict(reduce_first=41), '0×2, too small'),
        ((8, 6), dict(reduce_first=5), None),
    ],
)
def test_sizes_that_formats_cannot_hold_are_known_before(size, options, result):
    Image.new('1', size[:2]).save('p.png', exif=exif_with_orientation(*size[2:] or (1,)))
    if result:
        refused(f'^p.png: .*{result}', 'p.png', **options)
    else:
        plan('p.png', **options)
    plan('odd', **options)  # no image: told when its turn comes


def test_more_than_a_tiff_file_holds_is_known_before():
    """Of headers alone: nobody knows how well pixels will be compressed."""
    for side, bits, options, result in (
        (9400, 8, {}, None),
        (9500, 8, {}, '38000×38000 pixels in 8 bits'),
        (9400, 16, {}, '37600×37600 pixels in 16 bits'),
        (9400, 16, dict(depth=8), None),
        (9400, 8, dict(depth=16, outscale=FinalSize(3)), '28200×28200 pixels in 16 bits'),
        (9500, 16, dict(format='png'), None),
    ):
        header = struct.pack('>IIBBBBB', side, side, bits, 2, 0, 0, 0)
        content = b'\x89PNG\r\n\x1a\n' + png_chunk(b'IHDR', header) + png_chunk(b'IDAT', b'')
        Path('p.png').write_bytes(content)
        asked = dict(dict(format='tiff'), **options)
        if result:
            refused(f'^p.png: .*{result} may be more than the 4 GB', 'p.png', **asked)
        else:
            plan('p.png', **asked)
