"""The table that ends a test."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from torch import nn

from masasr_mm.engine.hooks import MetricsTableHook
from masasr_mm.models.peers import SingleImageNetwork


class MASA(nn.Module):
    """Gives the row of the model its name."""


def table(capsys, metrics: dict[str, float], model: object = None) -> list[list[str]]:
    MetricsTableHook().after_test_epoch(SimpleNamespace(model=model or MASA()), metrics)
    lines = capsys.readouterr().out.splitlines()
    lines = [line.replace('┃', '│') for line in lines]
    return [re.split(r'\s*│\s*', line)[1:-1] for line in lines if '│' in line]


def test_a_row_for_each_prefix_the_model_last(capsys):
    metrics = {'PSNR': 27.54, 'SSIM': 0.814, 'bicubic/PSNR': 24.18, 'bicubic/SSIM': 0.68349}
    assert table(capsys, metrics) == [
        ['', 'PSNR', 'SSIM'],
        ['bicubic', '24.1800', '0.6835'],
        ['MASA', '27.5400', '0.8140'],
    ]


def test_a_metric_that_some_lack_is_left_empty(capsys):
    metrics = {'bicubic/PSNR': 24.0, 'near/PSNR': 27.0, 'near/LPIPS': 0.25, 'far/PSNR': 26.0}
    assert table(capsys, metrics) == [
        ['', 'PSNR', 'LPIPS'],
        ['bicubic', '24.0000', ''],
        ['near', '27.0000', '0.2500'],
        ['far', '26.0000', ''],
    ]


def test_the_wrapper_of_a_distributed_model_is_not_named(capsys):
    wrapper = SimpleNamespace(module=MASA())
    assert table(capsys, {'PSNR': 1.0}, wrapper)[1] == ['MASA', '1.0000']


def test_a_network_that_masa_is_compared_with_is_named(capsys):
    model = MASA()
    model.generator = SingleImageNetwork(dict(type='ENetGenerator', channels=4, num_blocks=1))
    assert table(capsys, {'PSNR': 1.0}, model)[1] == ['ENetGenerator', '1.0000']


def test_only_the_first_process_prints(capsys, monkeypatch):
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: 1)
    assert table(capsys, {'PSNR': 1.0}) == []


@pytest.mark.parametrize('metrics', [{}, None])
def test_no_metrics_no_rows(capsys, metrics):
    assert len(table(capsys, metrics)) <= 1
