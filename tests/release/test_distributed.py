"""The tools in two processes on the CPU, one of which may die."""

from __future__ import annotations

import json
import re
import shlex
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from masasr_mm.tensor_files import read_tensors
from tests.commands import free_port, run, succeed
from tests.scripts import call_tool, load_tool
from tests.training import MAX_ITERS, SignalAt, differences, tiny_config, train, training_state

LAST = f'iter_{MAX_ITERS}.pth'


def metrics_of(text: str) -> dict[str, float]:
    """The metrics of a test, by name."""
    line = [line for line in text.splitlines() if 'Iter(test) ' in line and 'PSNR' in line][-1]
    found = {name: float(value) for name, value in re.findall(r'([\w/]+): (\d+\.\d+)', line)}
    return {name: value for name, value in found.items() if 'time' not in name}


@pytest.fixture(scope='module')
def unbroken(noise_data, tmp_path_factory) -> dict:
    """What a training in two processes ended with that nobody stopped."""
    work_dir = tmp_path_factory.mktemp('unbroken')
    assert train(tiny_config(noise_data, work_dir), processes=2) == 0
    return training_state(work_dir / LAST)


def dying_config(data: Path, folder: Path, **options) -> Path:
    """Write a training whose second process kills itself in the fourth iteration, once."""
    config = tiny_config(data, folder / 'work', **options)
    config.custom_imports.imports.append('tests.dying_rank')
    config.custom_hooks.append(
        dict(type='DyingRank', rank=1, iteration=3, marker=str(folder / 'died'))
    )
    config.dump(folder / 'dying.py')
    return folder / 'dying.py'


@pytest.fixture(scope='module')
def restarted(noise_data, tmp_path_factory) -> Path:
    """The folder of a job of the tools one of whose processes has died, and that went on."""
    folder = tmp_path_factory.mktemp('restarted')
    config = dying_config(noise_data, folder)
    command = ('bash', 'tools/dist_train.sh', config, 2, '--resume')
    succeed(run(*command, MAX_RESTARTS='1', PORT=free_port(), timeout=480))
    assert (folder / 'died').exists()
    return folder


def test_a_restarted_job_goes_on_from_the_last_checkpoint(restarted, unbroken):
    assert differences(training_state(restarted / 'work' / LAST), unbroken) == []
    state = read_tensors(restarted / 'work' / LAST)['state_dict']
    assert any(key.startswith('discriminator.') for key in state)
    assert all(value.isfinite().all() for value in state.values())


def test_two_processes_test_as_one(restarted, tmp_path, monkeypatch, capfd):
    """Three images on two processes: one is dealt twice, and must be counted once."""
    command = (restarted / 'dying.py', restarted / 'work' / LAST)
    options = ('--work-dir', tmp_path / 'two', '--out', tmp_path / 'images')
    two = succeed(run('bash', 'tools/dist_test.sh', *command, 2, *options, PORT=free_port())).stdout
    capfd.readouterr()
    options = ('--work-dir', tmp_path / 'one')
    assert not call_tool(load_tool('test.py'), monkeypatch, *command, *options)
    metrics = metrics_of(two)
    assert set(metrics) == {'PSNR', 'SSIM', 'bicubic/PSNR', 'bicubic/SSIM'}
    assert metrics == pytest.approx(metrics_of(capfd.readouterr().out), abs=1e-4)
    images = sorted(path.name for path in (tmp_path / 'images').glob('*.png'))
    assert images == ['000_0.png', '001_0.png', '002_0.png']
    assert two.count('│ MASA') == 1


def test_a_process_that_dies_ends_the_job(noise_data, tmp_path):
    config = dying_config(noise_data, tmp_path, train_cfg__max_iters=100000)
    result = run('bash', 'tools/dist_train.sh', config, 2, PORT=free_port())
    assert time.time() - (tmp_path / 'died').stat().st_mtime < 60
    assert result.returncode != 0
    assert 'SIGKILL' in result.stderr + result.stdout


def test_two_processes_that_were_stopped_end_as_ones_that_were_not(noise_data, unbroken, tmp_path):
    stopped = tiny_config(noise_data, tmp_path, workers=1)
    for iteration in (1, 4):
        assert train(stopped, processes=2, hooks=[SignalAt(iteration)]) == 128 + 15
    assert train(stopped, processes=2) == 0
    assert differences(training_state(tmp_path / LAST), unbroken) == []
    assert any(name.startswith('/resume/random_states/1/') for name in unbroken)


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
