"""Two processes on the CPU train and test as one does."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
import torch

from masasr_mm.apis.checkpoint import load_tensors
from tests.tools.commands import run, run_python, succeed

# Metrics of a run's last evaluation, by name.
METRIC = re.compile(r'([\w/]+): (\d+\.\d+)')


def free_port() -> str:
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return str(sock.getsockname()[1])


def metrics_of(text: str, mode: str) -> dict[str, float]:
    line = [line for line in text.splitlines() if f'Iter({mode}) ' in line and 'PSNR' in line][-1]
    found = {name: float(value) for name, value in METRIC.findall(line)}
    return {name: value for name, value in found.items() if 'time' not in name}


@pytest.fixture(scope='module')
def gan_config(small_config, tmp_path_factory) -> Path:
    """The small config with all losses but the perceptual one, whose weights are not to be had."""
    path = tmp_path_factory.mktemp('gan') / 'gan.py'
    path.write_text(
        f"""
_base_ = {str(small_config)!r}
model = dict(
    discriminator=dict(type='MASADiscriminator', in_size=64, mid_channels=4),
    gan_loss=dict(type='GANLoss', gan_type='vanilla', loss_weight=5e-3),
    train_cfg=dict(pixel_init=1),
)
optim_wrapper = dict(
    discriminator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.0, 0.9))
    ),
)
"""
    )
    return path


def train_and_test_in_two_processes(config: Path, work_dir: Path) -> None:
    train = run(
        'bash', 'tools/dist_train.sh', config, 2, '--work-dir', work_dir, '--cfg-options',
        'train_cfg.max_iters=2', PORT=free_port(),
    )  # fmt: skip
    succeed(train)
    checkpoint = work_dir / 'iter_2.pth'
    test = run(
        'bash', 'tools/dist_test.sh', config, checkpoint, 2, '--work-dir', work_dir / 'two',
        '--out', work_dir / 'images', PORT=free_port(),
    )  # fmt: skip
    succeed(test)
    alone = run_python('tools/test.py', config, checkpoint, '--work-dir', work_dir / 'one')
    succeed(alone)

    # Three images on two processes: one is dealt twice, and must be counted once.
    two, one = metrics_of(test.stdout, 'test'), metrics_of(alone.stdout, 'test')
    assert set(two) == {'PSNR', 'SSIM', 'bicubic/PSNR', 'bicubic/SSIM'}
    assert two == pytest.approx(one, abs=1e-4)
    assert sorted(path.name for path in (work_dir / 'images').glob('*.png')) == [
        '000_0.png',
        '001_0.png',
        '002_0.png',
    ]
    assert test.stdout.count('│ MASA') == 1


def test_the_reconstruction_loss(small_config, tmp_path):
    train_and_test_in_two_processes(small_config, tmp_path)
    assert any('generator' in key for key in load_tensors(tmp_path / 'iter_2.pth')['state_dict'])


def test_all_losses(gan_config, tmp_path):
    train_and_test_in_two_processes(gan_config, tmp_path)
    state = load_tensors(tmp_path / 'iter_2.pth')['state_dict']
    assert any(key.startswith('discriminator.') for key in state)
    assert not any(key.startswith('perceptual_loss') for key in state)
    assert all(
        value.isfinite().all() for value in state.values() if isinstance(value, torch.Tensor)
    )
