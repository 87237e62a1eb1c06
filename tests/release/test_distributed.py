"""The tools in two processes on the CPU, one of which may die."""

from __future__ import annotations

import json
import re
import shlex
import socket
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from masasr_mm.tensor_files import read_tensors
from tests.commands import run, run_python, succeed
from tests.training import (
    MAX_ITERS,
    SignalAt,
    differences,
    make_data,
    tiny_config,
    train,
    training_state,
)

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


def test_the_tools_train_and_test(gan_config, tmp_path):
    train = run(
        'bash', 'tools/dist_train.sh', gan_config, 2, '--work-dir', tmp_path, '--cfg-options',
        'train_cfg.max_iters=2', PORT=free_port(),
    )  # fmt: skip
    succeed(train)
    checkpoint = tmp_path / 'iter_2.pth'
    test = run(
        'bash', 'tools/dist_test.sh', gan_config, checkpoint, 2, '--work-dir', tmp_path / 'two',
        '--out', tmp_path / 'images', PORT=free_port(),
    )  # fmt: skip
    succeed(test)
    alone = run_python('tools/test.py', gan_config, checkpoint, '--work-dir', tmp_path / 'one')
    succeed(alone)

    # Three images on two processes: one is dealt twice, and must be counted once.
    two, one = metrics_of(test.stdout, 'test'), metrics_of(alone.stdout, 'test')
    assert set(two) == {'PSNR', 'SSIM', 'bicubic/PSNR', 'bicubic/SSIM'}
    assert two == pytest.approx(one, abs=1e-4)
    assert sorted(path.name for path in (tmp_path / 'images').glob('*.png')) == [
        '000_0.png',
        '001_0.png',
        '002_0.png',
    ]
    assert test.stdout.count('│ MASA') == 1

    state = read_tensors(tmp_path / 'iter_2.pth')['state_dict']
    assert any(key.startswith('discriminator.') for key in state)
    assert not any(key.startswith('perceptual_loss') for key in state)
    assert all(
        value.isfinite().all() for value in state.values() if isinstance(value, torch.Tensor)
    )


def dying_config(folder: Path, work_dir: Path, **options) -> Path:
    """Write a training whose second process kills itself in the fourth iteration, once."""
    make_data(folder / 'data')
    config = tiny_config(folder / 'data', work_dir, **options)
    config.custom_imports.imports.append('tests.dying_rank')
    config.custom_hooks.append(
        dict(type='DyingRank', rank=1, iteration=3, marker=str(folder / 'died'))
    )
    path = folder / 'dying.py'
    config.dump(path)
    return path


def test_a_process_that_dies_ends_the_job(tmp_path):
    config = dying_config(tmp_path, tmp_path / 'work', train_cfg__max_iters=100000)
    result = run('bash', 'tools/dist_train.sh', config, 2, PORT=free_port())
    assert time.time() - (tmp_path / 'died').stat().st_mtime < 60
    assert result.returncode != 0
    assert 'SIGKILL' in result.stderr + result.stdout


def test_a_restarted_job_goes_on_from_the_last_checkpoint(tmp_path):
    config = dying_config(tmp_path, tmp_path / 'work')
    succeed(
        run(
            'bash', 'tools/dist_train.sh', config, 2, '--resume', MAX_RESTARTS='1',
            PORT=free_port(),
        )
    )  # fmt: skip
    assert (tmp_path / 'died').exists()
    assert train(tiny_config(tmp_path / 'data', tmp_path / 'unbroken'), processes=2) == 0
    last = f'iter_{MAX_ITERS}.pth'
    states = [training_state(tmp_path / name / last) for name in ('work', 'unbroken')]
    assert differences(*states) == []


def test_photos_in_two_processes_of_which_one_is_killed(small_checkpoint, photos, tmp_path):
    """What is written stays; the same command with --skip-existing does the rest, told by one."""
    folder, report = tmp_path / 'photos', tmp_path / 'report.json'
    folder.mkdir()
    for number in range(6):
        Image.fromarray(photos[0]).save(folder / f'{number}.png')
    large = Image.fromarray(photos[1]).resize((1200, 1200))
    large.save(folder / '5.png')  # of the second process, which is killed in it
    command = [
        sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node', '2', '--master_port',
        free_port(), '-m', 'masasr_mm.cli', folder, '--self-ref', '--out', tmp_path / 'out',
        '--checkpoint', small_checkpoint, '--device', 'cpu', '--report', report, '--skip-existing',
    ]  # fmt: skip
    script = tmp_path / 'killed.sh'
    script.write_text(
        f'{shlex.join(map(str, command))} & \n'
        f'while [ ! -f {tmp_path}/out/3_x4.png -o ! -f {tmp_path}/out/4_x4.png ]; do sleep 0.1; '
        'done\n'
        'for pid in $(pgrep -P $!); do grep -qz "^RANK=1$" /proc/$pid/environ && kill -9 $pid; '
        'done\nwait $!\n'
    )
    result = run('bash', script)
    assert result.returncode, result.stderr
    assert 'interrupted: 5 written, 1 not done' in result.stderr
    assert [row['status'] for row in json.loads(report.read_text())] == ['written'] * 5
    Image.fromarray(photos[0]).save(folder / '5.png')
    result = succeed(run(*command))
    assert '1 written, 5 skipped' in result.stdout
    rows = json.loads(report.read_text())
    assert [row['result'] for row in rows] == [f'{tmp_path}/out/{i}_x4.png' for i in range(6)]


def test_two_processes_that_were_stopped_end_as_ones_that_were_not(tmp_path):
    make_data(tmp_path / 'data')
    states = []
    for name, stops in (('unbroken', []), ('stopped', [SignalAt(1), SignalAt(4)])):
        parallel = tiny_config(tmp_path / 'data', tmp_path / name, workers=1)
        for stop in stops:
            assert train(parallel, processes=2, hooks=[stop]) == 128 + 15
        assert train(parallel, processes=2) == 0
        states.append(training_state(tmp_path / name / f'iter_{MAX_ITERS}.pth'))
    assert differences(*states) == []
    assert any(name.startswith('/resume/random_states/1/') for name in states[0])
