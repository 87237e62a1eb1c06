"""The main paths where the system lacks what only Linux, or only Unix, has."""

from __future__ import annotations

import multiprocessing
import signal
import sys

import pytest
from PIL import Image

from masasr_mm.engine.resume.data import outlive_stop_signals
from tests.commands import run, succeed


@pytest.mark.parametrize('system', ['macos', 'windows'])
def test_all_imports_a_photo_and_on_windows_a_training(
    system, small_checkpoint, small_config, photo_files, tmp_path
):
    """Windows has spawned workers alone."""
    photo, ref, _ = photo_files
    scripts = ['tools/infer.py', photo, '--ref', ref, '--out', tmp_path / 'sr.png']
    scripts += ['--checkpoint', small_checkpoint]
    if system == 'windows':
        options = [
            '--work-dir', tmp_path, '--cfg-options', 'env_cfg.mp_cfg.mp_start_method=spawn',
            'val_dataloader.num_workers=0', 'test_dataloader.num_workers=1',
            'val_dataloader.persistent_workers=False', 'test_dataloader.persistent_workers=False',
            'train_cfg.max_iters=2',
        ]  # fmt: skip
        scripts += ['--', 'tools/train.py', small_config, *options]
        scripts += ['--', 'tools/test.py', small_config, tmp_path / 'iter_2.pth', *options]
    command = (sys.executable, '-m', 'tests.release.elsewhere', system, *scripts)
    # As in a console that has few letters.
    printed = succeed(run(*command, PYTHONIOENCODING='ascii', timeout=480)).stdout
    assert 'imported everything' in printed
    assert Image.open(tmp_path / 'sr.png').size == (240, 224)
    if system == 'windows':
        assert 'Iter(val) [3/3]' in printed
        assert 'bicubic' in printed.partition('Iter(test) [3/3]')[2]


def _report_handlers(queue) -> None:
    del signal.sigwaitinfo
    outlive_stop_signals()
    queue.put((signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)))


def test_workers_where_nobody_tells_who_has_sent_a_signal():
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    process = context.Process(target=_report_handlers, args=(queue,), daemon=True)
    process.start()
    assert queue.get(timeout=60) == (signal.SIG_IGN, signal.SIG_DFL)
    process.join(10)
    process.kill()
