"""compare.py and real_pairs.py: equal references, the metrics of what comes out, tables, files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pandas import DataFrame
from PIL import Image
from skimage import data

from tests.scripts import call_tool, load_tool
from tests.transcription import psnr

compare = load_tool('analysis_tools/compare.py')
real_pairs = load_tool('analysis_tools/real_pairs.py')
quality = load_tool('analysis_tools/quality.py')
measuring = load_tool('analysis_tools/measuring.py')


@pytest.fixture(scope='module')
def pairs(tmp_path_factory):
    """A folder with two photos, each with a reference of its scene and one of another."""
    folder = tmp_path_factory.mktemp('data') / 'pairs'
    folder.mkdir()
    photo, other = data.astronaut(), data.coffee()
    for name, top in (('a', 0), ('b', 100)):
        views = photo[top : top + 66, 200:282], photo[top + 4 : top + 68, 204:284], other[:64, :64]
        for number, view in enumerate(views):
            Image.fromarray(view).save(folder / f'{name}_{number}.png')
    return folder


class Recorder:
    """Enlarges, and remembers what it was given."""

    def __init__(self):
        self.references, self.aligned, self.align = [], [], None

    def __call__(self, lq, ref):
        self.references.append(ref)
        self.aligned.append(self.align)
        size = (4 * lq.shape[1], 4 * lq.shape[0])
        return np.asarray(Image.fromarray(lq).resize(size, Image.Resampling.NEAREST))


def test_every_reference_of_a_pair(pairs):
    photos, recorder = real_pairs.read_pairs(str(pairs)), Recorder()
    results = DataFrame(real_pairs.measure({'w': recorder}, photos))
    assert len(results) == 2 * (1 + len(real_pairs.REFERENCES))
    (_, gt, (ref, unlike)) = photos[0]
    lq = quality.low_resolution(gt)
    for given, expected in zip(recorder.references[:5], (lq, ref, ref, unlike, unlike)):
        np.testing.assert_array_equal(given, expected)
    assert recorder.aligned[:5] == ['off', 'off', 'auto', 'off', 'auto']
    assert list(results['weights'][:6]) == ['bicubic', *['w'] * 5]
    assert list(results['reference'][1:6]) == list(real_pairs.REFERENCES)
    expected = [psnr(gt, image) for image in (quality.enlarge_bicubic(lq), recorder(lq, lq))]
    assert list(results['psnr'][:2]) == pytest.approx(expected, abs=1e-3)
    table = real_pairs.table_of(results, 'psnr')
    assert list(table['reference']) == ['', *real_pairs.REFERENCES]
    assert list(table['mean']) == pytest.approx(list((table['a'] + table['b']) / 2))


def test_real_pairs_prints_and_writes(pairs, small_checkpoint, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out' / 'results.json'
    arguments = [pairs, '--checkpoints', small_checkpoint, '--device', 'cpu', '--out', out]
    assert not call_tool(real_pairs, monkeypatch, *arguments, '--jpeg', '75')
    printed = capsys.readouterr().out
    results = json.loads(out.read_text())
    assert [result['weights'] for result in results] == ['bicubic', *['small'] * 5] * 2
    for result in results:
        assert f'{result["psnr"]:.2f}' in printed
        assert f'{result["ssim"]:.3f}' in printed


def read_csv(folder: Path) -> dict[str, dict]:
    with (folder / 'comparison.csv').open(newline='') as file:
        return {row['method']: row for row in csv.DictReader(file)}


def test_a_row_a_method(pairs, srcnn, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'out'
    arguments = [pairs, '--methods', 'srcnn', 'enet', 'masa-rec', '--checkpoints',
                 f'srcnn={srcnn[1]}', 'masa-rec=bicubic', '--device', 'cpu', '--out', out,
                 '--size', 16, 16, '--runs', 0, '--limit', 1]  # fmt: skip
    assert not call_tool(compare, monkeypatch, *arguments)
    printed = capsys.readouterr().out
    assert 'no checkpoint, so no quality: enet' in printed
    table = read_csv(out)
    assert list(table) == ['bicubic', 'srcnn', 'enet', 'masa-rec']
    assert table['enet']['PSNR'] == table['bicubic']['parameters (M)'] == ''
    assert table['enet']['parameters (M)'] == '0.85'
    # Trained weights do better than plain enlargement, random ones do not.
    random, plain, ours = (float(table[name]['PSNR']) for name in ('srcnn', 'bicubic', 'masa-rec'))
    assert random < plain < ours
    assert table['masa-rec']['time (s)'] == ''
    assert all(row['PSNR'] in printed for row in table.values())
    content = json.loads((out / 'comparison.json').read_text('utf-8'))
    by_method = {method['method']: method for method in content['methods']}
    assert content['align'] == 'off'
    assert f'{by_method["masa-rec"]["images"][0]["psnr"]:.2f}' == table['masa-rec']['PSNR']
    assert by_method['enet']['images'] == []
    assert by_method['bicubic']['costs'] is None
    assert by_method['srcnn']['checkpoint'] == str(srcnn[1])
    text = (out / 'comparison.md').read_text('utf-8')
    assert table['masa-rec']['SSIM'] in text
    assert text.endswith('No checkpoint was given for enet.\n')
    assert Image.open(out / 'crops_pairs_a.png').height > 160
    assert {path.name for path in out.iterdir()} == {
        'comparison.csv', 'comparison.json', 'comparison.md', 'crops_pairs_a.png'
    }  # fmt: skip
