"""Metrics that tools/test.py is asked for by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmagic.evaluation import niqe
from mmagic.registry import METRICS
from mmengine.config import Config
from skimage import data

from masasr_mm.errors import UserError
from masasr_mm.evaluation.metrics import add_metrics
from tests.conftest import REPOSITORY


def metrics_of(config: str, *names: str) -> list[list[tuple]]:
    evaluator = Config.fromfile(REPOSITORY / 'configs' / config).test_evaluator
    add_metrics(evaluator, names)
    parts = evaluator if isinstance(evaluator, list) else [evaluator]
    return [[(metric.type, metric.get('prefix')) for metric in part.metrics] for part in parts]


def test_off_by_default():
    config = Config.fromfile(REPOSITORY / 'configs/masa_x4_cufed5.py')
    assert config.extra_metrics == []
    before = config.test_evaluator.to_dict()
    for nothing in (config.extra_metrics, ''):
        add_metrics(config.test_evaluator, nothing)
        assert config.test_evaluator.to_dict() == before


def test_added_after_the_others():
    [metrics] = metrics_of('masa_x4_cufed5.py', 'LPIPS', 'NIQE')
    assert metrics[-2:] == [('LPIPS', None), ('NIQE', None)]
    assert len(metrics) == 6


def test_each_data_set_has_its_own():
    parts = metrics_of('masa_x4_cufed5-levels.py', 'LPIPS')
    assert [part[-1] for part in parts] == [
        ('LPIPS', name) for name in (*(f'level-{level}' for level in range(1, 6)), 'all')
    ]


@pytest.mark.parametrize('name', ['LPISP', 'FrechetInceptionDistance', 'os.getcwd'])
def test_an_unknown_name(name):
    with pytest.raises(UserError, match='is no metric of single images; LPIPS and NIQE are'):
        add_metrics(dict(metrics=[]), name)


def test_niqe_works_on_what_a_test_gives_it():
    evaluator = dict(metrics=[])
    add_metrics(evaluator, 'NIQE')
    [config] = evaluator['metrics']
    metric = METRICS.build(config)
    image = data.chelsea()[:200, :230, ::-1]
    prediction = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float()
    metric.process(None, [dict(gt_img=prediction, output=dict(pred_img=prediction))])
    expected = niqe(image, 0, input_order='HWC', convert_to='gray')
    assert metric.results == [dict(NIQE=pytest.approx(expected, rel=1e-4))]
