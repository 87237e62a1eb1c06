"""tools/analysis_tools/complexity.py."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from tests.scripts import call_tool, load_tool

CONFIG = 'configs/masa-rec_x4_cufed5.py'


@pytest.fixture(scope='module')
def tool():
    return load_tool('analysis_tools/complexity.py')


def test_table_2_and_figure_5(tool, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv('COLUMNS', '200')
    assert not call_tool(tool, monkeypatch, CONFIG, '--sweep', '--out', tmp_path / 'out')
    printed = capsys.readouterr().out
    for text in (
        '4,028,291',
        '350.7141',
        'matching by the formulas: 8.8426 G',
        'encoder: 1.6987 G fewer',
        'matching, Stage 2: 1.2262 G fewer',
        'Table 2: matching 8.84 G, total 367.93 G (with element-wise work), 4.03 M parameters',
        '(a) LR block',
    ):
        assert text in printed
    content = json.loads((tmp_path / 'out/complexity.json').read_text('utf-8'))
    assert content['matching'] == 8_842_641_408
    whole = content['modules'].pop()
    assert whole['name'] == 'total'
    for key in ('parameters', 'formula', 'as_run'):
        assert sum(row[key] for row in content['modules']) == whole[key]
    assert {setting['panel'] for setting in content['sweep']} == {'a', 'b', 'c'}
    assert Image.open(tmp_path / 'out/complexity.png').width > 800


def test_other_sizes_and_networks(tool, monkeypatch, capsys, tmp_path):
    config = tmp_path / 'small.py'
    config.write_text(
        "model = dict(generator=dict(type='MASANet', channels=4, fusion_blocks=(1, 1, 1), "
        "adaptation=dict(type='NoAdaptation')))\n"
    )
    arguments = (config, '--lq', 16, 24, '--ref', 64, 48, '--out', tmp_path)
    assert not call_tool(tool, monkeypatch, *arguments)
    assert 'Table 2' not in capsys.readouterr().out
    content = json.loads((tmp_path / 'complexity.json').read_text('utf-8'))
    rows = {row['name']: row for row in content['modules']}
    assert rows['adaptation'] == dict(name='adaptation', parameters=0, formula=0, as_run=0)
    assert rows['matching, Stage 1']['formula'] == 6 * 16 * 12 * 9 * 4 * 3
    assert content['sweep'] == []
    assert not (tmp_path / 'complexity.png').exists()


def test_a_network_that_masa_is_compared_with(tool, monkeypatch, capsys):
    monkeypatch.setenv('COLUMNS', '200')
    assert not call_tool(tool, monkeypatch, 'configs/peers/srntt_x4_cufed5.py')
    printed = capsys.readouterr().out
    for text in (
        'extractor',
        '5,967,503',
        'matching by the formulas: 618.4753 G',
        'not in the total: element-wise work',
        'Table 2: matching 6005.78 G, total 6500.70 G (with element-wise work), 5.75 M parameters',
    ):
        assert text in printed
    assert not call_tool(tool, monkeypatch, 'configs/peers/enet_x4_cufed5.py')
    printed = capsys.readouterr().out
    assert 'matching' not in printed
    assert 'Table 2' not in printed


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('configs/peers/enet_x4_cufed5.py', '--sweep'), 'Fig. 5 is of MASANet'),
        ((CONFIG, '--lq', 100, 128), 'multiples of 8, such as 104×128'),
        ((CONFIG, '--ref', 0, 126), 'multiples of 4 from 12 up, such as 12×128'),
        (('configs/none.py',), 'config not found: configs/none.py'),
        (('configs/_base_/evaluation.py',), 'model.generator is no MASANet'),
    ],
)
def test_mistakes(tool, monkeypatch, capsys, arguments, message):
    assert call_tool(tool, monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
