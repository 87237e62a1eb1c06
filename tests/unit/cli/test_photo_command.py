"""The photo command on folders of real photos, good and bad, inside this process."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from PIL import Image
from PIL.ExifTags import IFD, Base

from masasr_mm.apis import MASAInferencer
from masasr_mm.cli import photo_command
from masasr_mm.cli.photo_command import make_inferencer, run
from masasr_mm.cli.photo_options import parse_args
from masasr_mm.errors import UserError
from masasr_mm.images.io import read_photo
from masasr_mm.photos import pipeline
from masasr_mm.visualization.match_picture import draw_matches
from masasr_mm.weights import DEFAULT
from tests.conftest import REPOSITORY


@pytest.fixture
def tool(small_checkpoint):
    """The command with a small network: a function of its arguments, for the exit status."""

    def call(*arguments):
        arguments = [str(argument) for argument in arguments]
        if '--checkpoint' not in arguments:
            arguments += ['--checkpoint', str(small_checkpoint), '--device', 'cpu']
        return run(*parse_args(arguments))

    handler = signal.getsignal(signal.SIGTERM)
    yield call
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def infer(small_checkpoint):
    """The same network from Python."""
    return MASAInferencer(small_checkpoint, device='cpu', dtype='auto')


@pytest.fixture
def folder(photos, tmp_path):
    """Photos a and b, of which b is of another scene; and references."""
    lq, ref, other = photos
    (tmp_path / 'photos').mkdir()
    for name, image in (
        ('photos/a.png', lq), ('photos/b.png', other[::4, ::4]), ('ref.png', ref),
        ('other.png', other),
    ):  # fmt: skip
        Image.fromarray(image).save(tmp_path / name)
    return tmp_path


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_one_broken_file_does_not_stop_a_folder(tool, folder, infer, capsys):
    """Results as from the API, the failure told twice, exit status 1."""
    (folder / 'photos' / 'broken.png').write_bytes((folder / 'ref.png').read_bytes()[:500])
    assert tool(folder / 'photos', '--ref', folder / 'ref.png') == 1
    out = folder / 'photos_x4'
    assert sorted(path.name for path in out.iterdir()) == ['a_x4.png', 'b_x4.png']
    for name in 'ab':
        expected = infer(folder / 'photos' / f'{name}.png', folder / 'ref.png')
        np.testing.assert_array_equal(read(out / f'{name}_x4.png'), expected)
    told = capsys.readouterr()
    assert '2 written, 1 failed' in told.out
    assert f'{out}/a_x4.png: 60×56 → 240×224, similarity' in told.out
    assert f'warning: {folder}/photos/b.png: the reference shows little' in told.err
    failed = [line for line in told.err.splitlines() if 'broken.png' in line]
    assert failed == [failed[0], f'failed: {failed[0]}']


def test_an_ensemble_is_the_mean_over_flips_and_turns(tool, folder, small_checkpoint):
    photo, ref = folder / 'photos' / 'a.png', folder / 'ref.png'
    Image.fromarray(read(photo)[:40, :48]).save(photo)  # nothing to pad
    Image.fromarray(read(ref)[:64, :80]).save(ref)
    common = ['--ref', ref, '--align', 'off']
    assert tool(photo, *common, '--ensemble', '--out', folder / 'out.png') == 0
    infer = MASAInferencer(small_checkpoint, device='cpu', align='off')
    total = 0
    for turns in range(4):
        for flipped in (False, True):
            images = [np.rot90(read(path), turns) for path in (photo, ref)]
            images = [image[:, ::-1] if flipped else image for image in images]
            result = infer(*(np.ascontiguousarray(image) for image in images))
            total = total + np.rot90(result[:, ::-1] if flipped else result, -turns).astype(float)
    difference = np.abs(read(folder / 'out.png') - total / 8)
    assert difference.max() <= 1.5  # each of the eight was rounded to 8 bits, and limited
    assert np.abs(read(folder / 'out.png').astype(int) - infer(photo, ref)).max() > 0


def test_references_that_pair_by_name(tool, folder, infer, capsys):
    refs = folder / 'refs'
    (refs / 'b').mkdir(parents=True)
    os.link(folder / 'ref.png', refs / 'a.png')
    os.link(folder / 'other.png', refs / 'b' / '1.png')
    os.link(folder / 'ref.png', refs / 'b' / '2.png')
    os.link(folder / 'photos' / 'a.png', folder / 'photos' / 'lonely.png')
    arguments = ['--ref', refs]
    assert tool(folder / 'photos', '--out', folder / 'out', *arguments) == 1
    assert 'lonely.png: no reference of that name' in capsys.readouterr().err
    for name, used in (('a', ['ref.png']), ('b', ['other.png', 'ref.png'])):
        expected = infer(folder / 'photos' / f'{name}.png', [folder / ref for ref in used])
        np.testing.assert_array_equal(read(folder / 'out' / f'{name}_x4.png'), expected)


def test_options_of_the_output(tool, folder, infer, capsys):
    photo = folder / 'photos' / 'a.png'
    Image.open(photo).convert('RGBA').save(photo)
    common = [photo]
    assert tool(*common, '--self-ref', '--out', folder / 'big.tiff', '--compare', '--matches') == 0
    own = infer(photo, photo)
    np.testing.assert_array_equal(read(folder / 'big.tiff')[..., :3], own)
    assert read(folder / 'big.tiff').shape[2] == 4
    prediction = infer.predict(photo, photo)
    drawn = draw_matches(prediction.lq, own, prediction.ref, prediction.matches)
    np.testing.assert_array_equal(read(folder / 'big_matches.png'), drawn)
    picture = read(folder / 'big_compare.png')
    assert picture.shape[0] > 224
    starts = ((y, x) for y in range(picture.shape[0] - 223) for x in range(270))
    found = [(picture[y : y + 224, x : x + 240] == own).all() for y, x in starts]
    assert sum(found) == 1  # beside the enlargement, pixel by pixel
    assert 'warning' not in capsys.readouterr().err

    arguments = [*common, '--ref', folder / 'ref.png', '--suffix', '_new', '--format', 'jpg']
    assert tool(*arguments, '--quality', '100') == 0
    first = folder / 'photos' / 'a_new.jpg'
    size = first.stat().st_size
    assert tool(*arguments, '--quality', '30') == 0
    assert first.stat().st_size < size / 2


@pytest.fixture
def no_network(monkeypatch):
    """What is refused, or needs no work, must not get as far as a network."""

    def load(*arguments):
        raise AssertionError('weights were loaded')

    monkeypatch.setattr(photo_command, 'make_inferencer', load)


def test_existing_results_can_be_skipped(tool, folder, capsys, monkeypatch):
    """What is newer is kept, what is older or lacks its picture is made; then nothing is to do."""
    (folder / 'out').mkdir()
    (folder / 'out' / 'a_x4.png').write_text('done before')
    arguments = [
        folder / 'photos', '--ref', folder / 'ref.png', '--out', folder / 'out', '--skip-existing',
    ]  # fmt: skip
    assert tool(*arguments) == 0
    assert '1 written, 1 skipped' in capsys.readouterr().out
    assert (folder / 'out' / 'a_x4.png').read_text() == 'done before'
    assert read(folder / 'out' / 'b_x4.png').shape[2] == 3
    later = (folder / 'out' / 'a_x4.png').stat().st_mtime + 5
    os.utime(folder / 'photos' / 'a.png', (later, later))
    assert tool(*arguments) == 0
    assert '1 written, 1 skipped' in capsys.readouterr().out
    assert read(folder / 'out' / 'a_x4.png').shape == (224, 240, 3)
    os.utime(folder / 'photos' / 'a.png', (0, 0))
    assert tool(*arguments, '--compare') == 0
    assert '2 written' in capsys.readouterr().out
    assert (folder / 'out' / 'b_x4_compare.png').exists()
    monkeypatch.setattr(photo_command, 'make_inferencer', None)
    assert tool(*arguments, '--compare') == 0
    assert '2 skipped' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['photos/a.png', '--ref', 'a_x4.png', '--out', '.'], r'a_x4\.png is read'),
        (['photos', '--ref', 'refs', '--out', 'refs', '--suffix', ''], r'refs/a\.png is read'),
        (['photos/a.png', '--self-ref', '--report', 'c.json', '--config', 'c.json'], 'c.json is'),
        (['photos', '--self-ref', '--report', 'ref.png/r.csv'], 'ref.png is a file'),
        (['wide.png', '--self-ref', '--format', 'webp'], '16384×80 pixels is more than webp holds'),
        (['photos', '--ref', 'ref.png', 'broken.png'], 'broken.png'),
        (['photos', '--ref', 'others'], r"--ref 'others/\*'"),
    ],
)
def test_what_is_known_before_is_refused_before(
    tool, folder, no_network, monkeypatch, arguments, words
):
    """In one line, before weights are loaded, and no file is touched."""
    monkeypatch.chdir(folder)
    for name in ('a_x4.png', 'refs/a.png', 'others/x.png'):
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy('ref.png', name)
    Path('broken.png').write_bytes(Path('ref.png').read_bytes()[:500])
    Path('c.json').write_text('{"model": {"generator": {"type": "MASANet"}}}')
    Image.new('L', (4096, 20)).save('wide.png')
    before = {path: path.is_file() and path.read_bytes() for path in Path().rglob('*')}
    with pytest.raises(UserError, match=words) as error:
        tool(*arguments)
    assert '\n' not in str(error.value)
    assert before == {path: path.is_file() and path.read_bytes() for path in Path().rglob('*')}


def test_a_tree_is_mirrored_and_its_reference_read_once(
    tool, folder, small_checkpoint, monkeypatch, capsys
):
    """Also where the reference lies among the photos; the results have the photos' times."""
    for name in ('x/1.png', 'y/1.png'):
        (folder / 'photos' / name).parent.mkdir()
        (folder / 'photos' / name).hardlink_to(folder / 'photos' / 'a.png')
    (folder / 'ref.png').rename(folder / 'photos' / 'ref.png')
    os.utime(folder / 'photos' / 'a.png', (10, 10))
    files = []

    def spy(path, *stretched):
        files.append(path.name)
        return read_photo(path, *stretched)

    monkeypatch.setattr(pipeline, 'read_photo', spy)
    out = folder / 'photos' / 'out'
    arguments = [
        folder / 'photos', '--ref', folder / 'photos' / 'ref.png', '--recursive', '--out', out,
        '--keep-time', '--format', 'webp',
        '--quality', 'lossless', '--align', 'off',
    ]  # fmt: skip
    assert tool(*arguments) == 0
    assert 'a file found is given as references, and left out' in capsys.readouterr().err
    assert files == ['ref.png', 'a.png', 'b.png', '1.png', '1.png']
    results = sorted(path.relative_to(out).as_posix() for path in out.rglob('*.*'))
    assert results == ['a_x4.webp', 'b_x4.webp', 'x/1_x4.webp', 'y/1_x4.webp']
    infer = MASAInferencer(small_checkpoint, device='cpu', dtype='auto', align='off')
    expected = infer(folder / 'photos' / 'a.png', folder / 'photos' / 'ref.png')
    np.testing.assert_array_equal(read(out / 'x' / '1_x4.webp'), expected)
    assert (out / 'y' / '1_x4.webp').stat().st_mtime == 10
    assert tool(*arguments, '--skip-existing') == 0
    assert '4 skipped' in capsys.readouterr().out


def test_an_unforeseen_error_does_not_stop_a_folder_either(tool, folder, monkeypatch, capsys):
    right = MASAInferencer.predict

    def wrong_once(self, lq, ref, bits):
        monkeypatch.setattr(MASAInferencer, 'predict', right)
        raise ValueError('a bug')

    monkeypatch.setattr(MASAInferencer, 'predict', wrong_once)
    arguments = ['--ref', folder / 'ref.png']
    assert tool(folder / 'photos', *arguments) == 1
    captured = capsys.readouterr()
    assert 'a.png: ValueError: a bug' in captured.err
    assert '1 written, 1 failed' in captured.out


def test_wrong_use(tool, folder, capsys):
    with pytest.raises(UserError, match=r'missing\.png'):
        tool('missing.png', '--self-ref')
    for arguments, message in (
        ([], 'required'),
        (['a.png', '--checkpoint', 'c'], '--ref'),
        (['a.png', '--ref', 'b', '--self-ref', '--checkpoint', 'c'], 'not allowed'),
        (['a.png', '--self-ref', '--checkpoint', 'c', '--quality', '0'], 'from 1 to 100'),
    ):
        with pytest.raises(SystemExit) as end:
            tool(*arguments)
        assert end.value.code == 2
        assert message in capsys.readouterr().err


def test_ctrl_c_says_how_many_are_done(tool, folder, monkeypatch, capsys):
    right = MASAInferencer.predict

    def interrupted(self, lq, ref, bits):
        if lq.size[0] != 60:
            raise KeyboardInterrupt
        return right(self, lq, ref, bits)

    monkeypatch.setattr(MASAInferencer, 'predict', interrupted)
    arguments = ['--ref', folder / 'ref.png']
    assert tool(folder / 'photos', *arguments) == 130
    assert 'interrupted: 1 written, 1 not done' in capsys.readouterr().err
    assert [path.name for path in (folder / 'photos_x4').iterdir()] == ['a_x4.png']


def test_tiles_give_the_same_picture(tool, folder):
    common = [folder / 'photos' / 'a.png', '--ref', folder / 'ref.png']
    for tile in ('16', 'none'):
        assert tool(*common, '--tile', tile, '--out', folder / f'{tile}.png') == 0
    tiled, whole = (read(folder / f'{tile}.png').astype(int) for tile in ('16', 'none'))
    assert np.abs(tiled - whole).max() <= 1


def test_how_tiles_are_run_is_handed_on(small_checkpoint):
    options = ['--checkpoint', str(small_checkpoint), '--ref-dtype', 'float16', '--tile', 'none']
    infer = make_inferencer(parse_args(['a.png', '--self-ref', *options])[0])
    assert infer.test_cfg == dict(tile=None, ref_dtype='float16')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--tile', '64'], '--tile 64 does not go with --backend onnxruntime'),
        (['--dtype', 'float16'], '--dtype float16 does not go'),
        (['--ref-dtype', 'float16'], '--ref-dtype float16 does not go'),
        (['--device', 'cpu', '--tile', 'auto'], r'not found: a\.onnx'),
    ],
)
def test_what_onnxruntime_cannot_do_is_told(options, message):
    common = ['a.png', '--self-ref', '--backend', 'onnxruntime', '--checkpoint', 'a.onnx']
    with pytest.raises(UserError, match=message):
        make_inferencer(parse_args([*common, *options])[0])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--tile', '64'], '--tile 64 does not go with --backend openvino'),
        (['--ref-dtype', 'float16'], '--ref-dtype float16 does not go'),
        (['--dtype', 'bfloat16'], r'not found: a\.xml'),
    ],
)
def test_what_openvino_cannot_do_is_told(options, message):
    common = ['a.png', '--self-ref', '--backend', 'openvino', '--checkpoint', 'a.xml']
    with pytest.raises(UserError, match=message):
        make_inferencer(parse_args([*common, *options])[0])


@pytest.mark.parametrize(('backend', 'kind'), [('onnxruntime', 'onnx'), ('openvino', 'openvino')])
def test_a_backend_needs_a_file_of_its_own(backend, kind):
    message = f'--backend {backend} needs --checkpoint with a file .* --format {kind}$'
    with pytest.raises(UserError, match=message):
        make_inferencer(parse_args(['a.png', '--self-ref', '--backend', backend])[0])


def test_a_network_that_tells_no_matches(tool, folder, tmp_path, capsys):
    """SRCNN: the result is its own, nothing is said of similarity, and nothing of a match drawn."""
    config = REPOSITORY / 'configs' / 'peers' / 'srcnn_x4_cufed5.py'
    torch.manual_seed(0)
    network = MODELS.build(dict(type='SRCNNNet', channels=(3, 64, 32, 3)))
    weights = {f'generator.{key}': value for key, value in network.state_dict().items()}
    torch.save(dict(state_dict=weights), tmp_path / 'srcnn.pth')
    photo, out = folder / 'photos' / 'a.png', folder / 'out.png'
    common = [photo, '--ref', folder / 'other.png', '--checkpoint', tmp_path / 'srcnn.pth']
    common += ['--config', config, '--device', 'cpu', '--dtype', 'float32']
    with pytest.raises(UserError, match=r'--matches: the network of .*srcnn_x4_cufed5.py does not'):
        tool(*common, '--matches')
    report = folder / 'report.json'
    assert tool(*common, '--compare', '--report', report, '--out', out) == 0, capsys.readouterr()
    told = capsys.readouterr()
    assert f'{out}: 60×56 → 240×224, ' in told.out
    assert 'similarity' not in told.out
    assert 'warning' not in told.err
    assert (folder / 'out_compare.png').exists()
    [row] = json.loads(report.read_text())
    assert row['similarity'] is None
    assert row['agreement'] is None
    lq = torch.from_numpy(read(photo).copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = network(lq)[0].mul(255).clamp(0, 255).permute(1, 2, 0)
    assert np.abs(read(out) - expected.numpy()).max() < 0.51


def test_weights_come_with_the_command():
    options = ['a.png', '--self-ref', '--device', 'cpu']
    default = make_inferencer(parse_args(options)[0]).generator.state_dict()
    named = make_inferencer(
        parse_args([*options, '--checkpoint', DEFAULT])[0]
    ).generator.state_dict()
    assert all(torch.equal(default[key], named[key]) for key in named)


def test_a_phones_photo_under_a_wrong_name(tool, folder):
    """HEIC called .jpg and .heic: found in the folder, read, its place carried or stripped."""
    pillow_heif = pytest.importorskip('pillow_heif')
    block = Image.Exif()
    block[Base.Make] = 'Maker'
    block[IFD.GPSInfo] = {1: 'N'}
    with Image.open(folder / 'photos' / 'a.png') as image:
        for name in ('c.jpg', 'd.HEIC'):
            pillow_heif.from_pillow(image).save(
                folder / 'photos' / name, exif=block.tobytes(), quality=-1
            )
    common = [
        folder / 'photos', '--ref', folder / 'ref.png', '--format', 'webp',
    ]  # fmt: skip
    assert tool(*common, '--out', folder / 'with') == 0
    assert tool(*common, '--out', folder / 'without', '--strip-metadata') == 0
    names = ['a_x4.webp', 'b_x4.webp', 'c_x4.webp', 'd_x4.webp']
    assert sorted(path.name for path in (folder / 'with').iterdir()) == names
    for name in ('c', 'd'):
        with Image.open(folder / 'with' / f'{name}_x4.webp') as image:
            assert image.getexif()[Base.Make] == 'Maker'
            assert image.getexif().get_ifd(IFD.GPSInfo) == {1: 'N'}
        with Image.open(folder / 'without' / f'{name}_x4.webp') as image:
            assert not image.getexif()


def test_the_final_size(tool, folder, infer, capsys):
    photo = folder / 'photos' / 'a.png'
    common = [photo, '--ref', folder / 'ref.png']
    whole = infer(photo, folder / 'ref.png')
    for text, name, size in (('2', 'a_x2.png', (120, 112)), ('90px', 'a_90px.png', (90, 84))):
        assert tool(*common, '--outscale', text) == 0
        expected = Image.fromarray(whole).resize(size, Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(read(photo.with_name(name)), np.asarray(expected))
    assert 'more than the network' not in capsys.readouterr().err
    assert tool(*common, '--outscale', '6', '--out', folder / 'large.png') == 0
    assert '360 pixels of width are more than' in capsys.readouterr().err
    assert read(folder / 'large.png').shape == (224, 240, 3)


def test_a_soft_photo_is_reduced_first(tool, folder, infer, capsys):
    photo = folder / 'photos' / 'a.png'
    common = ['--ref', folder / 'ref.png']
    assert tool(photo, *common, '--reduce-first', '2', '--out', folder / 'out.png') == 0
    with Image.open(photo) as image:
        small = np.asarray(image.resize((30, 28), Image.Resampling.BICUBIC))
    expected = infer(small, folder / 'ref.png')
    np.testing.assert_array_equal(read(folder / 'out.png'), expected)
    assert '60×56 → 120×112' in capsys.readouterr().out
    with pytest.raises(UserError, match=r'a\.png: 10 times smaller it is 6×6, too small'):
        tool(photo, *common, '--reduce-first', '10', '--out', folder / 'no.png')


def test_the_depth_is_that_of_the_photo(tool, folder):
    """Values of 12 bits that declare no range are stretched if asked for, and come out as such."""
    deep = read(folder / 'photos' / 'a.png')[..., 0].astype(np.uint16) * 16
    photo = folder / 'deep.tiff'
    Image.fromarray(deep).save(photo)
    common = [photo, '--self-ref', '--stretch']
    for options, dtype in ((['--out', 'r.png'], np.uint16), (['--out', 'r.webp'], np.uint8),
                           (['--out', 'r.tiff', '--depth', '8'], np.uint8)):  # fmt: skip
        options[1] = folder / options[1]
        assert tool(*common, *options) == 0
        assert read(options[1]).dtype == dtype
    values = read(folder / 'r.png').astype(int)
    assert abs(values.max() - deep.max()) < 0.2 * deep.max()


def test_a_report_tells_of_every_photo(tool, folder, capsys):
    (folder / 'photos' / 'broken.png').write_bytes(b'nothing')
    arguments = [
        folder / 'photos', '--ref', folder / 'ref.png', '--out', folder / 'out',
        '--report', folder / 'report.json',
    ]  # fmt: skip
    assert tool(*arguments) == 1
    rows = json.loads((folder / 'report.json').read_text())
    assert [row['status'] for row in rows] == ['written', 'written', 'failed']
    assert rows[0]['result_width'] == 240
    assert 'shows little of it' in rows[1]['warnings'][0]
    with pytest.raises(UserError, match=r'report\.txt: name a file'):
        tool(*arguments[:-1], folder / 'report.txt')
