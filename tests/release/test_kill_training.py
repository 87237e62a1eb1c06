"""A training that is killed while it writes checkpoints: nothing is lost, to the bit."""

from __future__ import annotations

import os
import signal
from typing import Any
from unittest import mock

from mmengine.hooks import Hook
from mmengine.runner import Runner

from masasr_mm.engine.resume import WholeCheckpointHook, checkpoint
from masasr_mm.engine.whole_files import WholeFileBackend
from masasr_mm.files import written_whole
from tests.training import MAX_ITERS, differences, tiny_config, train, training_state


def die(*args: Any, **options: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_written(backend: WholeFileBackend, content: bytes, path: str) -> None:
    with written_whole(path) as temporary:
        temporary.write_bytes(content[: len(content) // 2])
        die()


MOMENTS = {
    'with half of a checkpoint written': (WholeFileBackend, 'put', half_written),
    'between a checkpoint and last_checkpoint': (checkpoint, 'write_text', die),
    'before an outdated checkpoint is removed': (WholeCheckpointHook, '_remove', die),
}


class DieAt(Hook):
    """Lets the process of a training die at one of the worst moments."""

    def __init__(self, moment: str) -> None:
        self.moment = moment

    def before_train(self, runner: Runner) -> None:
        mock.patch.object(*MOMENTS[self.moment]).start()


def test_nothing_is_lost(noise_data, tmp_path):
    unbroken, killed = (
        tiny_config(noise_data, tmp_path / name, workers=1) for name in ('unbroken', 'killed')
    )
    assert train(unbroken) == 0
    for moment in MOMENTS:
        assert train(killed, hooks=[DieAt(moment)]) == -signal.SIGKILL, moment
        assert bool(list((tmp_path / 'killed').glob('.*.pth'))) == ('half' in moment)
    assert train(killed) == 0
    last = f'iter_{MAX_ITERS}.pth'
    states = [training_state(tmp_path / name / last) for name in ('killed', 'unbroken')]
    assert differences(*states) == []
    assert not list((tmp_path / 'killed').glob('.*.pth'))
