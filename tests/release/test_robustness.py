"""Testing with changed references: robustness.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmagic.registry import DATASETS, METRICS, MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from tests.scripts import call_tool, load_tool

tool = load_tool('analysis_tools/robustness.py')
CHANGES = tool.CHANGES


@pytest.fixture(scope='module')
def tested(small_config) -> tuple[Config, torch.nn.Module]:
    config = Config.fromfile(small_config)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return config, MODELS.build(dict(config.model, _scope_='mmagic')).eval()


def run(tested, data_root: Path | None = None, advance=lambda: None) -> list:
    """Test with two images."""
    config, model = tested
    data = dict(config.test_dataloader.dataset, indices=2)
    if data_root:
        data['data_root'] = str(data_root)

    def build(change: str, strength: float):
        pipeline = tool.changed_pipeline(data['pipeline'], change, strength)
        return DATASETS.build(dict(data, pipeline=pipeline))

    with DefaultScope.overwrite_default_scope('mmagic'):
        metrics = [METRICS.build(metric) for metric in config.test_evaluator.metrics]
        return list(tool.measure(model, build, metrics, advance))


ADVANCES = []


@pytest.fixture(scope='module')
def measured(tested) -> list:
    ADVANCES.clear()
    return run(tested, advance=lambda: ADVANCES.append(1))


def test_every_strength_is_tested_and_every_image_counted(measured):
    assert [(row.change, row.strength) for row in measured] == [
        (name, strength) for name, change in CHANGES.items() for strength in change.strengths
    ]
    assert len(ADVANCES) == 2 * tool.RUNS == 2 * 16
    unchanged = [row for row in measured if row.strength == CHANGES[row.change].neutral]
    assert len(unchanged) == 3
    assert unchanged[0].metrics == unchanged[1].metrics == unchanged[2].metrics
    assert len({row.metrics['PSNR'] for row in measured}) == 16
    assert len({row.metrics['bicubic/PSNR'] for row in measured}) == 1


def test_table_plot_and_pictures(small_config, tested, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict=tested[1].state_dict(), meta={}), 'random.pth')
    pair = (small_config, 'random.pth')
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
