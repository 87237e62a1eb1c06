"""Testing with changed references: robustness.py."""

from __future__ import annotations

import json

import torch
from mmagic.registry import MODELS
from mmengine.config import Config
from PIL import Image

from tests.scripts import call_tool, load_tool

tool = load_tool('analysis_tools/robustness.py')


def test_every_strength_of_every_change(small_config, monkeypatch, capsys, tmp_path):
    """A table, a plot and pictures, of two images."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(small_config).model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), 'random.pth')
    pair = (small_config, 'random.pth')
    assert not call_tool(tool, monkeypatch, *pair, '--images', 2, '--baseline', *pair)
    printed = capsys.readouterr().out
    out = tmp_path / 'work_dirs/robustness/small'
    rows = json.loads((out / 'robustness.json').read_text('utf-8'))
    assert len(rows) == 2 * 18
    assert {row['model'] for row in rows} == {'small', 'small (random)'}
    first, second = rows[:18], rows[18:]
    assert [dict(row, model='') for row in first] == [dict(row, model='') for row in second]
    assert [(row['change'], row['strength']) for row in first] == [
        (name, strength) for name, change in tool.CHANGES.items() for strength in change.strengths
    ]
    unchanged = [row for row in first if row['strength'] == tool.CHANGES[row['change']].neutral]
    assert len(unchanged) == 3
    assert len({row['PSNR'] for row in unchanged}) == 1
    assert len({row['PSNR'] for row in first}) == 16
    assert len({row['bicubic/PSNR'] for row in first}) == 1
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
