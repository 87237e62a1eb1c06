"""Tests of whole data sets in the real layouts, with a small network of random weights."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from PIL import Image
from skimage import data

from masasr_mm.models.inference.whole import WholeMASANet
from tests.conftest import REPOSITORY

GENERATOR = dict(type='MASANet', channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1))
SMALL_NETWORK = (
    'model.generator.channels=4',
    'model.generator.fusion_blocks=1,1,1',
    'model.generator.encoder.num_blocks=1',
)


class Call(NamedTuple):
    """One call of the generator: its inputs and output, (H, W, 3) in [0, 255], as it saw them."""

    lq: np.ndarray
    ref: np.ndarray
    ref_down: np.ndarray
    output: np.ndarray


class Run(NamedTuple):
    """What a run of tools/test.py left."""

    out: Path
    stdout: str
    calls: list[Call]


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def crops(index: int, height: int, width: int, count: int) -> list[np.ndarray]:
    """Return overlapping crops of a photograph, each a little smaller than the one before."""
    photo = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())[index % 4]
    top, left = 30 + 7 * index, 60 + 9 * index
    return [
        photo[top + 5 * k : top + height + 2 * k, left + 3 * k : left + width + k]
        for k in range(count)
    ]


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the small network."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = MODELS.build(dict(GENERATOR, _scope_='mmagic')).state_dict()
    path = tmp_path_factory.mktemp('weights') / 'small.pth'
    torch.save(dict(state_dict={f'generator.{k}': v for k, v in weights.items()}), path)
    return path


@pytest.fixture(scope='session')
def run_test(checkpoint, tmp_path_factory):
    """Run tools/test.py in this process and watch the generator."""

    def run(config: str, *options: str) -> Run:
        work = tmp_path_factory.mktemp('tested')
        calls = []
        original = WholeMASANet.super_resolve

        def watched(self, *images: torch.Tensor) -> tuple:
            result = original(self, *images)
            arrays = (image[0].permute(1, 2, 0).numpy() * 255 for image in (*images, result[0]))
            calls.append(Call(*arrays))
            return result

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(WholeMASANet, 'super_resolve', watched)
            paths = (REPOSITORY / 'configs' / config, checkpoint)
            folders = ('--work-dir', work / 'work', '--out', work / 'out')
            arguments = (*paths, *folders, '--cfg-options', *SMALL_NETWORK, *options)
            patch.setattr(sys, 'argv', ['test.py', *map(str, arguments)])
            stdout = _printed(patch, REPOSITORY / 'tools' / 'test.py')
        return Run(work / 'out', stdout, calls)

    return run


def _printed(patch: pytest.MonkeyPatch, script: Path) -> str:
    """Run a script that must succeed, and return what it printed."""
    from io import StringIO

    stdout = StringIO()
    patch.setattr(sys, 'stdout', stdout)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(script), run_name='__main__')
    assert stop.value.code in (None, 0), stdout.getvalue()
    return stdout.getvalue()
