"""The photo command on folders of real photos, good and bad, inside this process."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image

from masasr_mm.apis import MASAInferencer
from masasr_mm.cli import photo_command
from masasr_mm.cli.photo_command import make_inferencer, run
from masasr_mm.cli.photo_options import parse_args
from masasr_mm.errors import UserError
from masasr_mm.photos import pipeline
from masasr_mm.visualization.match_picture import draw_matches
from masasr_mm.weights import DEFAULT


@pytest.fixture
def tool(small_checkpoint):
    """The command with a small network: a function of its arguments, for the exit status."""

    def call(*arguments):
        arguments = [str(argument) for argument in arguments]
        if '--checkpoint' not in arguments:
            arguments += ['--checkpoint', str(small_checkpoint), '--device', 'cpu']
        return run(*parse_args(arguments))

    return call


@pytest.fixture
def infer(small_checkpoint):
    """The same network from Python."""
    return MASAInferencer(small_checkpoint, device='cpu', dtype='auto')


@pytest.fixture
def folder(photos, tmp_path):
    """Photos a and b, of which b is of another scene; and references."""
    lq, ref, other = photos
    (tmp_path / 'photos').mkdir()
    small = {'photos/a': lq, 'photos/b': other[::4, ::4]}
    for name, image in {**small, 'ref': ref, 'other': other}.items():
        Image.fromarray(image).save(tmp_path / f'{name}.png')
    return tmp_path


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_phone_s_photo_is_not_too_large_for_pillow(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', Image.MAX_IMAGE_PIXELS)
    Image.new('1', (16384, 12288)).save(tmp_path / 'huge.png')
    arguments = [tmp_path / 'huge.png', '--self-ref', '--format', 'webp']
    monkeypatch.setattr('sys.argv', ['masasr', *map(str, arguments)])
    with pytest.raises(SystemExit):
        photo_command.main()
    assert '65536×49152 pixels is more than webp holds' in capsys.readouterr().err


def test_one_broken_file_does_not_stop_a_folder(tool, folder, capsys):
    """The failure is told twice and in the report, exit status 1."""
    (folder / 'photos' / 'broken.png').write_bytes((folder / 'ref.png').read_bytes()[:500])
    report = folder / 'report.json'
    assert tool(folder / 'photos', '--ref', folder / 'ref.png', '--report', report) == 1
    rows = json.loads(report.read_text())
    assert [row['status'] for row in rows] == ['written', 'written', 'failed']
    out = folder / 'photos_x4'
    assert sorted(path.name for path in out.iterdir()) == ['a_x4.png', 'b_x4.png']
    told = capsys.readouterr()
    assert '2 written, 1 failed' in told.out
    assert f'{out}/a_x4.png: 60×56 → 240×224, similarity' in told.out
    assert f'warning: {folder}/photos/b.png: the reference shows little' in told.err
    failed = [line for line in told.err.splitlines() if 'broken.png' in line]
    assert failed == [failed[0], f'failed: {failed[0]}']


def test_an_ensemble(tool, folder, small_checkpoint):
    photo, ref, out = folder / 'photos' / 'a.png', folder / 'ref.png', folder / 'out.png'
    assert tool(photo, '--ref', ref, '--align', 'off', '--ensemble', '--out', out) == 0
    infer = MASAInferencer(small_checkpoint, device='cpu', dtype='auto', align='off')
    once = infer(photo, ref)
    assert (read(out) != once).any()
    infer.test_cfg['ensemble'] = True
    np.testing.assert_array_equal(read(out), infer(photo, ref))


def test_references_are_found_in_an_album(tool, folder, infer, capsys, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(folder / 'cache'))
    photo, ref = folder / 'photos' / 'a.png', folder / 'album' / 'below' / 'ref.png'
    ref.parent.mkdir(parents=True)
    shutil.copy(folder / 'ref.png', ref)
    shutil.copy(photo, ref.parent)
    broken = folder / 'album' / 'broken.jpg'
    broken.write_bytes(b'')
    report = folder / 'report.json'
    arguments = [folder / 'photos', '--ref-from', folder / 'album', '--report', report]
    assert tool(*arguments) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert '; found: ref.png; aligned: ' in lines[0]
    assert lines[1].endswith(f'; nothing like it in {folder / "album"}: its own reference')
    assert [line for line in told.err.splitlines() if 'broken.jpg' in line] == [
        f'{broken}: not an image, or of an unknown format; left out of the album'
    ]
    a, b = json.loads(report.read_text())
    assert (a['references'], b['references']) == ([str(ref)], [str(folder / 'photos' / 'b.png')])
    out = folder / 'photos_x4'
    np.testing.assert_array_equal(read(out / 'a_x4.png'), infer(photo, ref))
    np.testing.assert_array_equal(read(out / 'b_x4.png'), infer(*[folder / 'photos' / 'b.png'] * 2))
    assert tool(*arguments, '--skip-existing') == 0
    assert '2 skipped' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        parse_args(['a.png', '--ref-from', 'album', '--ref', 'b.png'])
    assert '--ref: not allowed with argument --ref-from' in capsys.readouterr().err


def test_options_of_the_output(tool, folder, infer, capsys):
    photo = folder / 'photos' / 'a.png'
    Image.open(photo).convert('RGBA').save(photo)
    assert tool(photo, '--self-ref', '--out', folder / 'big.tiff', '--compare', '--matches') == 0
    own = infer(photo, photo)
    np.testing.assert_array_equal(read(folder / 'big.tiff')[..., :3], own)
    assert read(folder / 'big.tiff').shape[2] == 4
    prediction = infer.predict(photo, photo)
    drawn = draw_matches(prediction.lq, own, prediction.ref, prediction.matches)
    np.testing.assert_array_equal(read(folder / 'big_matches.png'), drawn)
    picture = read(folder / 'big_compare.png')
    assert picture.shape[0] > 224
    starts = np.argwhere((picture[:-223, :270] == own[0, 0]).all(axis=2))
    found = [(picture[y : y + 224, x : x + 240] == own).all() for y, x in starts]
    assert sum(found) == 1  # beside the enlargement, pixel by pixel
    assert 'warning' not in capsys.readouterr().err

    arguments = [photo, '--ref', folder / 'ref.png', '--suffix', '_new', '--format', 'jpg']
    assert tool(*arguments, '--quality', '100') == 0
    first = folder / 'photos' / 'a_new.jpg'
    size = first.stat().st_size
    assert tool(*arguments, '--quality', '30') == 0
    assert first.stat().st_size < size / 2


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['photos', '--ref', 'refs', '--out', 'refs', '--suffix', ''], r'refs/a\.png is read'),
        (['photos/a.png', '--self-ref', '--report', 'c.json', '--config', 'c.json'], 'c.json is'),
        (['wide.png', '--self-ref', '--format', 'webp'], '16384×80 pixels is more than webp holds'),
        (['photos', '--ref', 'ref.png', 'broken.png'], 'broken.png'),
        (['photos', '--ref-from', 'refs', '--out', 'refs', '--suffix', ''], r'refs/a\.png is read'),
        (['photos', '--ref-from', 'missing'], '--ref-from missing: no such folder'),
        (['photos', '--self-ref', '--refs', '2'], '--refs says .* --ref-from'),
        (['photos', '--self-ref', '--compile'], 'pays for 1,000 photos of one size .* not for 2'),
    ],
)
def test_what_is_known_before_is_refused_before(tool, folder, monkeypatch, arguments, words):
    """In one line, before weights are loaded, and no file is touched."""
    monkeypatch.setattr(photo_command, 'make_inferencer', None)
    monkeypatch.chdir(folder)
    for name in ('a_x4.png', 'refs/a.png'):
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy('ref.png', name)
    Path('broken.png').write_bytes(Path('ref.png').read_bytes()[:500])
    Path('c.json').write_text('{"model": {"generator": {"type": "MASANet"}}}')
    Image.new('L', (4096, 20)).save('wide.png')
    before = {path: path.is_file() and path.read_bytes() for path in Path().rglob('*')}
    with pytest.raises(UserError, match=words):
        tool(*arguments)
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
    spy = mock.Mock(wraps=pipeline.read_photo)
    monkeypatch.setattr(pipeline, 'read_photo', spy)
    out = folder / 'photos' / 'out'
    arguments = [
        folder / 'photos', '--ref', folder / 'photos' / 'ref.png', '--recursive', '--out', out,
        '--keep-time', '--format', 'webp', '--quality', 'lossless', '--align', 'off',
    ]  # fmt: skip
    assert tool(*arguments) == 0
    assert '1 of the files found is given with --ref, and left out' in capsys.readouterr().err
    files = [call.args[0].name for call in spy.call_args_list]
    assert files == ['ref.png', 'a.png', 'b.png', '1.png', '1.png']
    results = sorted(path.relative_to(out).as_posix() for path in out.rglob('*.*'))
    assert results == ['a_x4.webp', 'b_x4.webp', 'x/1_x4.webp', 'y/1_x4.webp']
    infer = MASAInferencer(small_checkpoint, device='cpu', dtype='auto', align='off')
    expected = infer(folder / 'photos' / 'a.png', folder / 'photos' / 'ref.png')
    np.testing.assert_array_equal(read(out / 'x' / '1_x4.webp'), expected)
    assert (out / 'y' / '1_x4.webp').stat().st_mtime == 10
    # What is newer is kept, what lacks its picture is made; then nothing is to do.
    arguments += ['--skip-existing', '--compare']
    for name in ('a', 'b', 'x/1'):
        (out / f'{name}_x4_compare.png').write_text('done before')
    assert tool(*arguments) == 0
    assert '1 written, 3 skipped' in capsys.readouterr().out
    assert (out / 'a_x4_compare.png').read_text() == 'done before'
    assert read(out / 'y' / '1_x4_compare.png').shape[2] == 3
    monkeypatch.setattr(photo_command, 'make_inferencer', None)
    assert tool(*arguments) == 0
    assert '4 skipped' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('backend', 'options', 'message'),
    [
        ('onnxruntime', ['--tile', '64'], '--tile 64 does not go with --backend onnxruntime'),
        ('onnxruntime', ['--dtype', 'float16'], '--dtype float16 does not go'),
        ('openvino', ['--ref-dtype', 'float16'], '--ref-dtype float16 does not go'),
        ('openvino', ['--dtype', 'bfloat16'], r'not found: a\.xml'),
        ('onnxruntime', ['--checkpoint', DEFAULT], 'with a file .* --format onnx$'),
        ('openvino', ['--checkpoint', 'a.onnx'], 'with a file .* --format openvino$'),
    ],
)
def test_what_an_exported_network_cannot_do_is_refused(backend, options, message):
    checkpoint = dict(onnxruntime='a.onnx', openvino='a.xml')[backend]
    given = ['a.png', '--self-ref', '--backend', backend, '--checkpoint', checkpoint, *options]
    with pytest.raises(UserError, match=message):
        make_inferencer(parse_args(given)[0])


def test_a_network_that_tells_no_matches(tool, folder, srcnn, capsys):
    """SRCNN: the result is its own, nothing is said of similarity, and nothing of a match drawn."""
    network, weights, config = srcnn
    photo, out = folder / 'photos' / 'a.png', folder / 'out.png'
    common = [photo, '--ref', folder / 'other.png', '--checkpoint', weights, '--config', config]
    common += ['--device', 'cpu', '--dtype', 'float32']
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
    assert row['similarity'] is row['agreement'] is None
    lq = torch.from_numpy(read(photo).copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = network(lq)[0].mul(255).clamp(0, 255).permute(1, 2, 0)
    assert np.abs(read(out) - expected.numpy()).max() < 0.51


def test_a_soft_photo_is_reduced_first(tool, folder, infer, capsys):
    photo = folder / 'photos' / 'a.png'
    arguments = [photo, '--ref', folder / 'ref.png', '--out', folder / 'out.png']
    assert tool(*arguments, '--reduce-first', '2') == 0
    with Image.open(photo) as image:
        small = np.asarray(image.resize((30, 28), Image.Resampling.BICUBIC))
    expected = infer(small, folder / 'ref.png')
    np.testing.assert_array_equal(read(folder / 'out.png'), expected)
    assert '60×56 → 120×112' in capsys.readouterr().out
