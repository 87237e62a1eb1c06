"""What ships inside mmagic runs our configs and checkpoints unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import mmagic
import numpy as np
import pytest
import torch

from tests.commands import run_python, succeed
from tests.scripts import call_tool, load_tool

# mmagic alone cannot be imported beside numpy 2; once masasr_mm is, it can.
RUN_AFTER_US = """
import masasr_mm, runpy, sys
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def run_stock(tool: str, *arguments: object):
    """Run a tool that ships inside mmagic."""
    path = Path(mmagic.__file__).parent / '.mim' / 'tools' / tool
    before = ['-c', RUN_AFTER_US] if np.__version__ >= '2' else []
    return run_python(*before, path, *arguments)


@pytest.fixture(scope='module')
def checkpoint(small_config, tmp_path_factory) -> Path:
    """A checkpoint that mmagic's own train.py wrote."""
    work_dir = tmp_path_factory.mktemp('stock')
    result = run_stock(
        'train.py', small_config, '--work-dir', work_dir, '--cfg-options',
        'train_cfg.max_iters=2',
    )  # fmt: skip
    succeed(result)
    return work_dir / 'iter_2.pth'


def test_train_and_test(checkpoint, small_config, tmp_path, monkeypatch, capsys):
    assert checkpoint.is_file()
    result = run_stock(
        'test.py', small_config, checkpoint, '--work-dir', tmp_path / 'work',
        '--out', tmp_path / 'metrics.json',
    )  # fmt: skip
    succeed(result)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    arguments = (small_config, checkpoint, '--work-dir', tmp_path / 'ours')
    assert not call_tool(load_tool('test.py'), monkeypatch, *arguments)
    assert f'{metrics["PSNR"]:.4f} │ {metrics["SSIM"]:.4f}' in capsys.readouterr().out


def test_init_model_gives_the_model_with_its_weights(checkpoint, small_config):
    from mmagic.apis import init_model

    model = init_model(str(small_config), str(checkpoint), device='cpu')
    assert type(model).__name__ == 'MASA'
    saved = torch.load(checkpoint, weights_only=True)['state_dict']
    key = 'encoder.levels.0.0.weight'
    assert torch.equal(model.generator.state_dict()[key], saved[f'generator.{key}'])
