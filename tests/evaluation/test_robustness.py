"""Testing with changed references."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmagic.registry import DATASETS, METRICS, MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from masasr_mm.errors import UserError
from masasr_mm.evaluation.reference_changes import CHANGES, ChangeReference
from masasr_mm.evaluation.robustness import Measured, changed_pipeline, measure, runs_per_image
from tests.conftest import REPOSITORY

from . import transcription as plain


@pytest.fixture(scope='module')
def tested(small_config) -> tuple[Config, torch.nn.Module]:
    config = Config.fromfile(small_config)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return config, MODELS.build(dict(config.model, _scope_='mmagic')).eval()


def run(tested, data_root: Path | None = None, advance=lambda: None) -> list[Measured]:
    """Test with two images."""
    config, model = tested
    data = dict(config.test_dataloader.dataset, indices=2)
    if data_root:
        data['data_root'] = str(data_root)

    def build(change: str, strength: float):
        pipeline = changed_pipeline(data['pipeline'], change, strength)
        return DATASETS.build(dict(data, pipeline=pipeline))

    with DefaultScope.overwrite_default_scope('mmagic'):
        metrics = [METRICS.build(metric) for metric in config.test_evaluator.metrics]
        return list(measure(model, build, metrics, advance))


ADVANCES = []


@pytest.fixture(scope='module')
def measured(tested) -> list[Measured]:
    ADVANCES.clear()
    return run(tested, advance=lambda: ADVANCES.append(1))


def test_every_strength_is_tested_and_every_image_counted(measured):
    assert [(row.change, row.strength) for row in measured] == [
        (name, strength) for name, change in CHANGES.items() for strength in change.strengths
    ]
    assert len(ADVANCES) == 2 * runs_per_image() == 2 * 16
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
    monkeypatch.setattr('masasr_mm.evaluation.robustness.CHANGES', nothing)
    [expected] = run(tested, tmp_path / 'changed')
    found = next(row for row in measured if row.change == 'blur' and row.strength == 2.0)
    assert found.metrics == pytest.approx(expected.metrics, abs=1e-9)
    np.testing.assert_array_equal(found.example.ref, expected.example.ref)


def test_the_example_is_the_first_image(measured, small_data):
    example = measured[0].example
    gt = plain.load(small_data / 'test/CUFED5/000_0.png')
    np.testing.assert_array_equal(example.gt, gt)
    assert example.metrics['PSNR'] == pytest.approx(plain.psnr(example.sr, gt), abs=1e-3)
    references = [plain.load(small_data / f'test/CUFED5/000_{level}.png') for level in (1, 2)]
    stacked = np.concatenate([plain.pad(reference, 96, 96) for reference in references])
    dark = np.clip(stacked * measured[0].strength, 0, 255)
    assert np.abs(example.ref - dark).max() <= 1


def test_the_lr_image_as_its_own_reference_changes_too():
    config = Config.fromfile(REPOSITORY / 'configs/masa_x4_urban100.py')
    pipeline = changed_pipeline(config.test_pipeline, 'blur', 1.0)
    kinds = [step['type'] for step in pipeline]
    assert kinds.index('ChangeReference') == kinds.index('CopyValues') + 1
    assert len(pipeline) == len(config.test_pipeline) + 1


def test_a_pipeline_without_a_reference():
    with pytest.raises(UserError, match='has no reference'):
        changed_pipeline([dict(type='LoadRGBImage', key='gt')], 'blur', 1.0)
