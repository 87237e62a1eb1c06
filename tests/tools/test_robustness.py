"""tools/analysis_tools/robustness.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmagic.registry import MODELS
from mmengine.config import Config
from PIL import Image

from tests.scripts import call_tool, load_tool


@pytest.fixture(scope='module')
def tool():
    return load_tool('analysis_tools/robustness.py')


@pytest.fixture(scope='module')
def checkpoint(small_config, tmp_path_factory) -> Path:
    """Random weights for the small network."""
    model = dict(Config.fromfile(small_config).model, _scope_='mmagic')
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    torch.save(dict(state_dict=MODELS.build(model).state_dict(), meta={}), path)
    return path


def test_table_plot_and_pictures(tool, small_config, checkpoint, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    pair = (small_config, checkpoint)
    assert not call_tool(tool, monkeypatch, *pair, '--images', 1, '--baseline', *pair)
    printed = capsys.readouterr().out
    out = tmp_path / 'work_dirs/robustness/small'
    rows = json.loads((out / 'robustness.json').read_text('utf-8'))
    assert len(rows) == 2 * 18
    assert {row['model'] for row in rows} == {'small', 'small (random)'}
    first, second = rows[:18], rows[18:]
    assert [dict(row, model='') for row in first] == [dict(row, model='') for row in second]
    for row in first:
        assert f'{row["PSNR"]:.4f}' in printed
        assert f'{row["SSIM"]:.4f}' in printed
    for text in ('luminance × 0.4', 'hue +180°', 'σ = 8 pixels'):
        assert printed.count(text) == 2
    curves, examples = (Image.open(out / f'{name}.png') for name in ('robustness', 'examples'))
    assert curves.size == (1440, 720)
    assert examples.size == (1800, 1680)
    # Drawings, not blank sheets.
    assert len(set(curves.convert('L').resize((180, 90)).tobytes())) > 20
    assert len(set(examples.convert('L').resize((180, 168)).tobytes())) > 100


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('configs/masa-rec_x4_cufed5.py', 'none.pth'), 'data/CUFED/test/CUFED5'),
        (('configs/none.py', 'none.pth'), 'config not found: configs/none.py'),
        (('configs/masa_x4_sample.py', 'none.pth', '--images', '0'), '--images 0'),
    ],
)
def test_mistakes(tool, monkeypatch, capsys, tmp_path, arguments, message):
    (tmp_path / 'configs').symlink_to(Path('configs').resolve())
    monkeypatch.chdir(tmp_path)
    assert call_tool(tool, monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1


def test_several_data_sets_are_refused(
    tool, small_config, checkpoint, monkeypatch, capsys, tmp_path
):
    config = tmp_path / 'several.py'
    config.write_text(
        f'_base_ = {str(small_config)!r}\n'
        'test_dataloader = [_base_.test_dataloader, _base_.test_dataloader]\n'
    )
    assert call_tool(tool, monkeypatch, config, checkpoint) == 2
    assert 'tests several data sets' in capsys.readouterr().err
