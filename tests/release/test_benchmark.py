"""tools/analysis_tools/benchmark.py, measuring in this process."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from tests.scripts import call_tool, load_tool

CONFIG = 'configs/masa-rec_x4_cufed5.py'


@pytest.fixture
def tool(monkeypatch):
    """The tool; a baseline that costs less."""
    module = load_tool('analysis_tools/benchmark.py')
    import measuring

    module.kept_freed = []

    def here(function, *arguments, keep_freed=True):
        module.kept_freed.append(keep_freed)
        return function(*arguments)

    monkeypatch.setattr(measuring, 'in_child', here)
    baseline = measuring.measure(lambda: 0, torch.device('cpu'), 2)
    monkeypatch.setattr(measuring, 'measure_baseline', lambda *_: baseline)
    return module


def run(tool, monkeypatch, out, config, *arguments):
    arguments = (config, '--device', 'cpu', '--runs', 2, '--out', out, *arguments)
    assert not call_tool(tool, monkeypatch, *arguments)
    return json.loads((out / 'benchmark.json').read_text('utf-8'))


def test_variants_of_one_case(tool, monkeypatch, capsys, tmp_path, small_config):
    content = run(
        tool, monkeypatch, tmp_path, small_config, '--lq', 16, 24, '--stages', '--tile', 8,
        '--variants', 'tile=16', 'dtype=bfloat16,give_back',
    )  # fmt: skip
    # The baseline is measured as in any program; the network as the tools run it.
    assert tool.kept_freed == [False, True, True, False]
    printed = capsys.readouterr().out
    for text in (
        'inference: LR 16×24, Ref 64×96',
        'tile=8',
        'dtype=bfloat16, tile=8, give_back',
        'fuse 4×',
        'the rest',
    ):
        assert text in printed
    assert [row['variant']['tile'] for row in content['rows']] == [8, 16, 8]
    for row in content['rows']:
        assert row['section'] == 'inference'
        assert row['minimum'] <= row['median'] <= row['maximum']
        assert len(row['seconds']) == 2
        assert {'encode Ref', 'coarse matching', 'extract 2×'} <= set(row['stages'])
    assert content['baseline']['median'] > 0
    assert content['machine']['threads'] >= 1
    assert Image.open(tmp_path / 'inference.png').width > 800


def test_a_training_step_and_the_loader(tool, monkeypatch, capsys, tmp_path, small_config):
    content = run(
        tool, monkeypatch, tmp_path, small_config, '--train', '--loader', '--lq', 16, 16,
        '--variants', 'with_cp', '--cfg-options', 'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
    )  # fmt: skip
    printed = capsys.readouterr().out
    assert 'training: 2 × LR 16×16, Ref 64×64' in printed
    assert 'loading with 0 workers' in printed
    assert 'a batch of 2 every' in printed
    assert [row['variant']['with_cp'] for row in content['rows']] == [False, True]
    assert content['rows'][0]['batch'] == 2
    assert len(content['loader']['pairs_per_second']) == 2
    assert (tmp_path / 'training.png').exists()


def test_growth(tool, monkeypatch, capsys, tmp_path, small_config):
    content = run(
        tool, monkeypatch, tmp_path, small_config, '--sweep', 16, 8, '--lq', 8, 8, '--ref', 32, 16
    )
    printed = capsys.readouterr().out
    assert printed.count('time grows with the power') == 2
    assert '4.000' in printed
    sections = [row['section'] for row in content['rows']]
    assert sections == ['area'] * 2 + ['references'] * 5
    assert [row['lq'] for row in content['rows'][:2]] == [[8, 8], [16, 16]]
    assert [row['ref'] for row in content['rows'][:2]] == [[32, 32], [64, 64]]
    assert [row['ref'] for row in content['rows'][2:]] == [[32 * n, 16] for n in range(1, 6)]
    for name in ('area.png', 'references.png'):
        assert Image.open(tmp_path / name).width > 800
