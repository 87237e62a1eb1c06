"""The main paths where the system lacks what only Linux, or only Unix, has."""

from __future__ import annotations

import multiprocessing
import signal
import sys

import pytest
from PIL import Image

from masasr_mm.engine.resume.data import outlive_stop_signals
from tests.commands import run, succeed


def run_elsewhere(system: str, *command: object, **options):
    return run(sys.executable, '-m', 'tests.release.elsewhere', system, *command, **options)


@pytest.mark.parametrize('system', ['macos', 'windows'])
def test_all_imports_and_a_photo(system, small_checkpoint, photos, tmp_path):
    lq, ref, _ = photos
    for name, pixels in dict(lq=lq, ref=ref).items():
        Image.fromarray(pixels).save(tmp_path / f'{name}.png')
    result = run_elsewhere(
        system, 'tools/infer.py', tmp_path / 'lq.png', '--ref', tmp_path / 'ref.png',
        '--checkpoint', small_checkpoint, '--out', tmp_path / 'sr.png',
        PYTHONIOENCODING='ascii',  # as a console that has few letters
    )  # fmt: skip
    assert 'imported everything' in succeed(result).stdout
    assert Image.open(tmp_path / 'sr.png').size == (4 * lq.shape[1], 4 * lq.shape[0])


def test_training_and_testing_with_spawned_workers(small_config, tmp_path):
    options = [
        '--work-dir', tmp_path, '--cfg-options', 'env_cfg.mp_cfg.mp_start_method=spawn',
        'val_dataloader.num_workers=0', 'test_dataloader.num_workers=1',
        'val_dataloader.persistent_workers=False', 'test_dataloader.persistent_workers=False',
        'train_cfg.max_iters=2',
    ]  # fmt: skip
    result = succeed(run_elsewhere('windows', 'tools/train.py', small_config, *options))
    assert 'Iter(val) [3/3]' in result.stdout
    result = succeed(
        run_elsewhere('windows', 'tools/test.py', small_config, tmp_path / 'iter_2.pth', *options)
    )
    assert 'bicubic' in result.stdout


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
