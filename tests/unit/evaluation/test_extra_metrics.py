"""Metrics that tools/test.py is asked for by name."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from masasr_mm.errors import UserError
from masasr_mm.evaluation.metrics import add_metrics
from tests.conftest import REPOSITORY


def metrics_of(config: str, *names: str) -> list[list[tuple]]:
    evaluator = Config.fromfile(REPOSITORY / 'configs' / config).test_evaluator
    add_metrics(evaluator, names)
    parts = evaluator if isinstance(evaluator, list) else [evaluator]
    return [[(metric.type, metric.get('prefix')) for metric in part.metrics] for part in parts]


def test_each_data_set_has_its_own():
    parts = metrics_of('masa_x4_cufed5-levels.py', 'LPIPS')
    assert [part[-1] for part in parts] == [
        ('LPIPS', name) for name in (*(f'level-{level}' for level in range(1, 6)), 'all')
    ]


@pytest.mark.parametrize('name', ['LPISP', 'FrechetInceptionDistance', 'os.getcwd'])
def test_an_unknown_name(name):
    with pytest.raises(UserError, match='is no metric of single images; LPIPS and NIQE are'):
        add_metrics(dict(metrics=[]), name)
