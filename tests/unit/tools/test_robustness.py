"""Testing with changed references: robustness.py."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmagic.registry import DATASETS, METRICS, MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from masasr_mm.datasets.transforms import ChangeReference
from masasr_mm.errors import UserError
from tests import transcription as plain
from tests.conftest import REPOSITORY
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


def test_strengths_are_in_order_and_one_is_neutral():
    for name, change in CHANGES.items():
        assert change.neutral == ChangeReference.NEUTRAL[name]
        assert change.neutral in change.strengths
        assert sorted(change.strengths) == list(change.strengths)
        assert change.strongest in change.strengths
        assert change.strongest != change.neutral


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


def test_agrees_with_references_that_were_changed_on_disk(
    tested, measured, small_data, tmp_path, monkeypatch
):
    shutil.copytree(small_data / 'test/CUFED5', tmp_path / 'changed')
    change = ChangeReference('blur', 2.0, key='image')
    for path in (tmp_path / 'changed').glob('*_[12].png'):
        Image.fromarray(change(dict(image=plain.load(path)))['image']).save(path)
    nothing = dict(blur=CHANGES['blur']._replace(strengths=(0.0,)))
    monkeypatch.setattr(tool, 'CHANGES', nothing)
    [expected] = run(tested, tmp_path / 'changed')
    found = next(row for row in measured if row.change == 'blur' and row.strength == 2.0)
    assert found.metrics == pytest.approx(expected.metrics, abs=1e-9)
    np.testing.assert_array_equal(found.ref, expected.ref)


def test_the_example_is_the_first_image(measured, small_data):
    example = measured[0]
    gt = plain.load(small_data / 'test/CUFED5/000_0.png')
    np.testing.assert_array_equal(example.gt, gt)
    assert example.psnr == pytest.approx(plain.psnr(example.sr, gt), abs=1e-3)
    references = [plain.load(small_data / f'test/CUFED5/000_{level}.png') for level in (1, 2)]
    stacked = np.concatenate([plain.pad(reference, 96, 96) for reference in references])
    dark = np.clip(stacked * example.strength, 0, 255)
    assert np.abs(example.ref - dark).max() <= 1


def test_where_the_change_goes():
    """After the LR image has become its own reference; nowhere without one."""
    config = Config.fromfile(REPOSITORY / 'configs/masa_x4_urban100.py')
    pipeline = tool.changed_pipeline(config.test_dataloader.dataset.pipeline, 'blur', 1.0)
    kinds = [step['type'] for step in pipeline]
    assert kinds.index('ChangeReference') == kinds.index('CopyValues') + 1
    assert len(pipeline) == len(config.test_dataloader.dataset.pipeline) + 1
    with pytest.raises(UserError, match='has no reference'):
        tool.changed_pipeline([dict(type='LoadRGBImage', key='gt')], 'blur', 1.0)


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


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('configs/masa-rec_x4_cufed5.py', 'none.pth'), 'data/CUFED/test/CUFED5'),
        (('configs/none.py', 'none.pth'), 'config not found: configs/none.py'),
        (('configs/masa_x4_sample.py', 'none.pth', '--images', '0'), '0 is not a whole number'),
    ],
)
def test_mistakes(monkeypatch, capsys, tmp_path, arguments, message):
    (tmp_path / 'configs').symlink_to(Path('configs').resolve())
    monkeypatch.chdir(tmp_path)
    assert call_tool(tool, monkeypatch, *arguments) == 2
    assert message in capsys.readouterr().err


def test_several_data_sets_are_refused(small_config, monkeypatch, capsys, tmp_path):
    config = tmp_path / 'several.py'
    config.write_text(
        f'_base_ = {str(small_config)!r}\n'
        'test_dataloader = [_base_.test_dataloader, _base_.test_dataloader]\n'
    )
    assert call_tool(tool, monkeypatch, config, 'none.pth') == 2
    assert 'tests several data sets' in capsys.readouterr().err
