"""The table of the comparison, with empty cells for what there is not."""

from __future__ import annotations

import csv
import json

import pytest
from PIL import Image

from masasr_mm.evaluation import comparison_report as report
from masasr_mm.evaluation.comparison import Costs, Result
from masasr_mm.evaluation.real_pairs import Measured


def quality(psnr: float, lpips: float | None = None) -> Measured:
    return Measured('x', 'mean', '', psnr, 0.8123, lpips)


COSTS = Costs(4_028_291, 349_014_000_000, 2.5, 2**29)
RESULTS = [
    Result('bicubic', None, {'pairs': quality(22.1)}, None),
    Result('masa', 'a.pth', {'pairs': quality(23.456)}, COSTS),
    Result('rcan', None, {}, Costs(15_592_379, 260_799_000_000)),
]
ROWS = [
    ['bicubic', '22.10', '0.8123', '', '', '', ''],
    ['masa', '23.46', '0.8123', '4.03', '349.01', '2.500', '512'],
    ['rcan', '', '', '15.59', '260.80', '', ''],
]


def test_rows():
    heads = ['method', 'PSNR', 'SSIM', 'parameters (M)', 'operations (G)', 'time (s)',
             'memory (MiB)']  # fmt: skip
    assert report.columns(RESULTS) == heads
    assert [report.cells(result, RESULTS) for result in RESULTS] == ROWS
    assert report.without_weights(RESULTS) == ['rcan']


def test_several_sets_have_columns_of_their_own():
    sets = {'one': quality(22, 0.3), 'two': quality(23)}
    results = [Result('bicubic', None, sets, None), RESULTS[2]]
    heads = ['PSNR one', 'SSIM one', 'LPIPS one', 'PSNR two', 'SSIM two']
    assert report.columns(results)[1:6] == heads
    assert report.cells(results[0], results)[1:6] == [
        '22.00',
        '0.8123',
        '0.3000',
        '23.00',
        '0.8123',
    ]
    assert report.cells(results[1], results)[1:6] == [''] * 5


def test_files(tmp_path):
    report.write_files(RESULTS, [quality(23.456)], dict(align='off'), tmp_path)
    with (tmp_path / 'comparison.csv').open(newline='') as file:
        assert list(csv.reader(file)) == [report.columns(RESULTS), *ROWS]
    content = json.loads((tmp_path / 'comparison.json').read_text('utf-8'))
    assert content['align'] == 'off'
    assert content['methods'][1]['quality']['pairs']['psnr'] == 23.456
    assert content['methods'][2]['quality'] == {}
    assert content['methods'][2]['costs']['seconds'] is None
    assert content['images'][0]['psnr'] == 23.456
    lines = (tmp_path / 'comparison.md').read_text('utf-8').splitlines()
    assert lines[3] == '| masa | 23.46 | 0.8123 | 4.03 | 349.01 | 2.500 | 512 |'
    assert lines[-1] == 'No checkpoint was given for rcan.'
    assert {line.count('|') for line in lines[:5]} == {8}


def test_the_plot_has_the_methods_with_quality_and_time(tmp_path):
    assert report.plot_time(RESULTS, tmp_path / 'plot.png')
    assert Image.open(tmp_path / 'plot.png').width > 500
    assert not report.plot_time([RESULTS[0], RESULTS[2]], tmp_path / 'none.png')
    assert not (tmp_path / 'none.png').exists()


@pytest.mark.parametrize('lpips', [None, 0.25])
def test_lpips_has_a_column_where_it_could_be_had(lpips):
    results = [Result('bicubic', None, {'pairs': quality(22, lpips)}, None)]
    assert ('LPIPS' in report.columns(results)) == (lpips is not None)
