"""Training, resuming and testing from the command line."""

from __future__ import annotations

import csv
import itertools
import logging
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import cv2
import pytest
import torch
from mmagic.registry import HOOKS
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import print_log

from masasr_mm.engine import runner
from masasr_mm.tensor_files import read_tensors
from tests.commands import error_line, succeed
from tests.conftest import REPOSITORY
from tests.scripts import call_tool, load_tool

CONFIGS = REPOSITORY / 'configs'


@HOOKS.register_module()
class WarningHook(Hook):
    def __init__(self) -> None:
        print_log('said while the runner is built', 'current', logging.WARNING)


@pytest.fixture(scope='module')
def trained(small_config, tmp_path_factory) -> Path:
    """A work directory after two of four iterations."""
    work_dir, stdout = tmp_path_factory.mktemp('trained'), StringIO()
    options = ['--cfg-options', 'train_cfg.max_iters=2', 'train_dataloader.num_workers=0']
    options += ['default_hooks.warning.type=WarningHook']
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout):
        train = load_tool('train.py')
        assert not call_tool(train, patch, small_config, '--work-dir', work_dir, *options)
    assert re.search(r'Iter\(train\) \[2/2\].*loss_pix: 0\.\d+', stdout.getvalue())
    assert re.search(r'Iter\(val\) \[3/3\].*PSNR: \d+\.\d+.*bicubic/PSNR', stdout.getvalue())
    # what was trained, and on what, is in the log alone
    [log] = work_dir.glob('*/*.log')
    for heading in ('System environment', 'train_cfg=dict(', 'before_train_iter'):
        assert heading in log.read_text()
        assert heading not in stdout.getvalue()
    assert f'log in {log.parent}' in stdout.getvalue()
    assert 'WARNING - said while the runner is built' in stdout.getvalue()
    return work_dir


@pytest.fixture
def tool(monkeypatch, capfd, tmp_path) -> Callable[..., CompletedProcess]:
    """Call a tool in this process, with a result as of a command's."""
    numbers = itertools.count()

    def call(path: str, *arguments: object) -> CompletedProcess:
        # Two runs of one name and second would share a log. A worker of a training in this process
        # is told to end only some seconds after it.
        options = [f'experiment_name={tmp_path.name}_{next(numbers)}']
        options += ['train_dataloader.num_workers=0'] if path == 'train.py' else []
        capfd.readouterr()
        status = call_tool(load_tool(path), monkeypatch, *arguments, '--cfg-options', *options)
        return CompletedProcess(path, status or 0, *capfd.readouterr())

    return call


def test_training_leaves_checkpoints_and_logs_where_they_belong(trained):
    assert (trained / 'iter_2.pth').is_file()
    assert len(list(trained.glob('best_PSNR_iter_2.pth'))) == 1
    assert list(trained.rglob('events.out.tfevents*'))
    pictures = list(trained.rglob('vis_image/*.png'))
    assert len(pictures) == 3
    # lq, sr, gt and two references side by side
    assert cv2.imread(str(sorted(pictures)[0])).shape[1] == 3 * 70 + 2 * 96


def test_bfloat16_trains_on_a_cpu_and_float16_is_refused_in_one_line(tool, small_config, tmp_path):
    command = ('train.py', small_config, '--work-dir', tmp_path)
    succeed(tool(*command, '--amp', 'bfloat16', '--cfg-options', 'train_cfg.max_iters=2'))
    weights = read_tensors(tmp_path / 'iter_2.pth')['state_dict']
    assert all(weight.isfinite().all() for weight in weights.values())
    if not torch.cuda.is_available():
        line = error_line(tool(*command, '--amp'))
        assert line.endswith('--amp in float16 needs a GPU; on a CPU give --amp bfloat16')


def test_resume_goes_on(tool, trained, small_config, tmp_path):
    work_dir = shutil.copytree(trained, tmp_path / 'work')
    arguments = ('train.py', small_config, '--work-dir', work_dir)
    result = succeed(tool(*arguments, '--resume'))
    assert 'resumed epoch: 0, iter: 2' in result.stdout
    assert re.search(r'Iter\(train\) \[3/4\] .* eta: 0:00:0', result.stdout)
    assert 'Iter(train) [1/4]' not in result.stdout
    assert (work_dir / 'iter_4.pth').is_file()

    result = succeed(tool(*arguments, '--resume', work_dir / 'iter_2.pth', '--quiet'))
    loads, bar = result.stdout.splitlines()
    assert loads.startswith('Loads checkpoint')
    assert re.fullmatch(r'training \S+ 4/4 loss 0\.\d{4} PSNR \d+\.\d\d dB 0:00:00\s*', bar), bar
    assert 'mmengine' not in result.stderr


def test_test_prints_the_table_and_writes_the_images(tool, trained, small_config, tmp_path):
    folders = ('--work-dir', tmp_path / 'work', '--out', tmp_path / 'images')
    options = (*folders, '--quiet', '--show-matches')
    result = succeed(tool('test.py', small_config, trained / 'iter_2.pth', *options))
    assert 'mmengine' not in result.stdout + result.stderr
    assert len(result.stdout.splitlines()) < 10
    [log] = (tmp_path / 'work').glob('*/*.log')
    assert 'Iter(test) [3/3]' in log.read_text()
    rows = re.findall(r'│ (\w+) +│ (\d+\.\d{4}) │ (0\.\d{4}) │', result.stdout)
    assert [row[0] for row in rows] == ['bicubic', 'MASA']
    sizes = [
        cv2.imread(str(path)).shape[:2] for path in sorted((tmp_path / 'images').glob('*.png'))
    ]
    assert sizes == [(65, 70), (64, 91), (33, 50)]
    names = {path.name for path in (tmp_path / 'work').rglob('*_matches_*.png')}
    assert names == {f'00{index}_0_matches_0.png' for index in range(3)}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('train.py', 'none.py'), 'config not found: none.py'),
        (('train.py', CONFIGS / 'masa_x4_sun80.py'), 'has no train_dataloader'),
        (('train.py', CONFIGS / 'masa_x4_cufed5.py'), 'data/CUFED/train'),
        (('test.py', CONFIGS / 'masa_x4_sun80.py', 'none.pth'), 'data/Sun80'),
    ],
)
def test_mistakes_are_told_in_one_line_before_anything_else(
    tool, arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert message in error_line(tool(*arguments))
    assert list(tmp_path.iterdir()) == []


def train_tool(monkeypatch, *arguments) -> Config:
    """The config that train.py builds a runner with."""
    module, given = load_tool('train.py'), []
    stand_in = SimpleNamespace(train=lambda: None)
    monkeypatch.setattr(runner, 'build_runner', lambda config, _: given.append(config) or stand_in)
    assert call_tool(module, monkeypatch, *arguments) in (0, None)
    return given[0]


def test_a_training_begins_with_weights_and_no_warm_up(
    trained, small_config, tmp_path, monkeypatch
):
    checkpoint = trained / 'iter_2.pth'
    arguments = [small_config, '--work-dir', tmp_path, '--load-from', checkpoint]
    warm_up = ['--cfg-options', 'model.train_cfg.pixel_init=9']
    config = train_tool(monkeypatch, *arguments, *warm_up)
    assert (config.load_from, config.resume) == (f'masasr_mm://{checkpoint}', False)
    assert config.model.train_cfg.pixel_init == 0
    # What the run itself has saved is newer.
    (tmp_path / 'iter_2.pth').write_bytes(checkpoint.read_bytes())
    config = train_tool(monkeypatch, *arguments, '--resume', *warm_up)
    assert (config.load_from, config.resume) == (str(tmp_path / 'iter_2.pth'), True)


def test_randomness(small_config, tmp_path, monkeypatch):
    options = [small_config, '--work-dir', tmp_path]
    assert train_tool(monkeypatch, *options).randomness == dict(seed=0)  # the config's
    config = train_tool(monkeypatch, *options, '--seed', '7', '--deterministic')
    assert config.randomness == dict(seed=7, deterministic=True)
    config = train_tool(monkeypatch, *options, '--seed', '7')
    assert config.randomness == dict(seed=7, deterministic=False)


def test_a_part_of_the_test_its_device_and_its_precision(tool, trained, small_config, tmp_path):
    """Metrics of two images, without pictures; bfloat16 changes them a little, tiles do not."""
    rows = {}
    for name, options in dict(
        whole=['--tile', 'none'],
        tiles=['--tile', '8', '--limit', '2', '--device', 'cpu'],
        reduced=['--dtype', 'bfloat16', '--limit', '2', '--device', 'cpu'],
    ).items():
        folders = ['--work-dir', tmp_path / 'work', '--metrics', tmp_path / name]
        succeed(tool('test.py', small_config, trained / 'iter_2.pth', *folders, *options))
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == [
            'metrics.csv',
            'metrics.json',
        ]
        with (tmp_path / name / 'metrics.csv').open(newline='') as file:
            rows[name] = list(csv.DictReader(file))
    assert [len(rows[name]) for name in ('whole', 'tiles', 'reduced')] == [3, 2, 2]
    for whole, tiled, reduced in zip(rows['whole'], rows['tiles'], rows['reduced']):
        psnr, same, near = (float(row['PSNR']) for row in (whole, tiled, reduced))
        assert abs(psnr - same) < 1e-3
        assert 0 < abs(psnr - near) < 0.5


def test_a_device_is_no_matter_of_several_processes(tool):
    result = tool('test.py', 'c', 'p', '--device', 'cpu', '--launcher', 'pytorch')
    assert result.returncode == 2
    assert '--device does not go with --launcher' in result.stderr
