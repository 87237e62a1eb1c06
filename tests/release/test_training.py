"""Faults that meet a training on its way: each ends in one line, and nothing saved is harmed."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmagic.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.logging import MMLogger

from masasr_mm.tensor_files import read_tensors
from tests.scripts import call_tool, load_tool


@TRANSFORMS.register_module()
class FaultAt(BaseTransform):
    """Does harm when it meets the n-th item of its process."""

    def __init__(self, number: int, fault: str) -> None:
        self.left, self.fault = number, fault

    def transform(self, results: dict) -> dict:
        self.left -= 1
        if self.left == 0:
            if self.fault == 'exit':
                os._exit(3)
            os.kill(os.getpid(), signal.SIGKILL)
        return results


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A real file system of 1 MB, where it is allowed to mount one."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('mounting a small disk needs root')
    yield folder
    subprocess.run(['umount', '-l', str(folder)], check=True)


@pytest.fixture
def data(small_data, tmp_path) -> Path:
    """Training data that may be harmed."""
    shutil.copytree(small_data / 'train', tmp_path / 'train')
    return tmp_path / 'train'


@pytest.fixture
def train(monkeypatch, capfd, tmp_path, small_config, data):
    """Train four iterations with the tool, without validation; returns status and error lines."""
    # Two trainings in one second would share a logger.
    numbers = iter(range(100))

    def run(work_dir: Path, *options: str, transform: dict | None = None, workers: int = 0):
        config = tmp_path / f'config_{next(numbers)}.py'
        config.write_text(
            f"""
_base_ = {str(small_config)!r}
experiment_name = {f'{tmp_path.name}_{config.stem}'!r}
model = dict(generator=dict(channels=4))
train_pipeline = [*{[transform] if transform else []}, *_base_.train_pipeline]
train_pipeline[{3 if transform else 2}]['crop_size'] = (32, 32)
visualizer = dict(vis_backends=[dict(type='LocalVisBackend')])
train_dataloader = dict(
    num_workers={workers},
    persistent_workers={workers > 0},
    dataset=dict(data_root={str(data)!r}, pipeline=train_pipeline),
)
train_cfg = dict(val_interval=1000)
default_hooks = dict(checkpoint=dict(save_best=None))
"""
        )
        capfd.readouterr()
        arguments = [config, '--work-dir', work_dir]
        if options:
            arguments += ['--cfg-options', *options]
        status = call_tool(load_tool('train.py'), monkeypatch, *arguments)
        error = capfd.readouterr().err
        assert 'Traceback' not in error
        return status, [line for line in error.splitlines() if line.startswith('error: ')]

    yield run
    # The logger of the last training stays the current one, perhaps on a disk that is gone.
    logger = MMLogger.get_current_instance()
    for handler in [part for part in logger.handlers if isinstance(part, logging.FileHandler)]:
        logger.removeHandler(handler)
        handler.close()


def one_error(result: tuple) -> str:
    status, lines = result
    assert status == 2
    assert len(lines) == 1
    return lines[0]


def saved(work_dir: Path) -> list[str]:
    """The checkpoints in a folder, each of which can be read whole."""
    paths = sorted(work_dir.glob('*.pth'))
    for path in paths:
        weights = read_tensors(path)['state_dict']
        assert all(value.isfinite().all() for value in weights.values() if value.numel())
    return [path.name for path in paths]


@pytest.mark.parametrize('fault', ['exit', 'kill'])
def test_a_loader_process_dies(train, tmp_path, fault):
    """After six items, three batches: the checkpoint of the second iteration is there."""
    transform = dict(type='FaultAt', number=12, fault=fault)
    result = train(tmp_path / 'work', 'train_cfg.max_iters=20', transform=transform, workers=1)
    line = one_error(result)
    assert line.startswith('error: a process that loads data ')
    # It depends on the moment who notices first.
    noticed = ('killed by signal: Killed', 'exited unexpectedly', 'ended while it handed over')
    assert any(words in line for words in noticed)
    assert '--resume goes on' in line
    assert 'iter_2.pth' in saved(tmp_path / 'work')
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_broken_file_stops_or_is_passed_over(train, tmp_path, data):
    bad = data / 'input' / '001.png'
    bad.write_bytes(bad.read_bytes()[:500])
    assert str(bad) in one_error(train(tmp_path / 'stops'))
    option = 'train_dataloader.dataset.max_broken=1'
    assert train(tmp_path / 'goes_on', option, workers=1) == (None, [])
    assert saved(tmp_path / 'goes_on') == ['iter_2.pth', 'iter_4.pth']
    log = next((tmp_path / 'goes_on').rglob('*.log')).read_text()
    assert f'{data}: 1 of 4 items could not be read and were passed over: {bad}' in log
    (data / 'ref' / '003.png').write_text('<html>404</html>')
    line = one_error(train(tmp_path / 'too_many', option))
    assert '2 items are broken, more than max_broken=1' in line


def test_the_disk_is_full_at_a_checkpoint(train, small_disk):
    """One checkpoint fits, the next one does not: the first stays whole, no half is left."""
    assert train(small_disk / 'work', 'train_cfg.max_iters=2')[0] is None
    first = (small_disk / 'work' / 'iter_2.pth').read_bytes()
    free = shutil.disk_usage(small_disk).free
    (small_disk / 'other').write_bytes(bytes(free - len(first) * 3 // 4))
    line = one_error(train(small_disk / 'work', 'resume=True'))
    assert f'cannot write {small_disk}/work/iter_4.pth: No space left on device' in line
    assert saved(small_disk / 'work') == ['iter_2.pth']
    assert (small_disk / 'work' / 'iter_2.pth').read_bytes() == first
    assert not list((small_disk / 'work').glob('.*'))
    (small_disk / 'other').unlink()
    assert train(small_disk / 'work', 'resume=True')[0] is None
    assert saved(small_disk / 'work') == ['iter_2.pth', 'iter_4.pth']


def test_the_disk_is_full_at_the_log(train, small_disk):
    """Not a byte is left when the training starts to write what it logs."""
    transform = dict(type='FillDisk', folder=str(small_disk))
    assert train(small_disk / 'work', 'train_cfg.max_iters=2')[0] is None
    before = {path: path.read_bytes() for path in (small_disk / 'work').glob('*.pth')}
    line = one_error(train(small_disk / 'work', 'resume=True', transform=transform))
    assert 'No space left on device' in line
    assert {path: path.read_bytes() for path in (small_disk / 'work').glob('*.pth')} == before


@TRANSFORMS.register_module()
class FillDisk(BaseTransform):
    """Leaves no space on a disk."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def transform(self, results: dict) -> dict:
        with (self.folder / 'full').open('ab', 0) as file:
            try:
                while True:
                    file.write(bytes(1))
            except OSError:
                return results
