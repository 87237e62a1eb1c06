"""A disk that is full while images are written: one line, and what was there is as it was."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmagic.structures import DataSample

from masasr_mm.engine.hooks import SaveImagesHook
from masasr_mm.errors import UserError
from masasr_mm.images.io import write_picture

NOISE = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)  # 480 kB as PNG


def samples_of(name: str) -> list[DataSample]:
    image = torch.from_numpy(NOISE).permute(2, 0, 1).float()
    return [DataSample(output=DataSample(pred_img=image), metainfo=dict(gt_path=f'{name}.png'))]


def contents(folder) -> dict:
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_images_of_a_test(small_disk):
    hook = SaveImagesHook(str(small_disk / 'out'))
    runner = SimpleNamespace(test_loop=SimpleNamespace())
    for name in ('0', '1'):
        hook.after_test_iter(runner, 0, None, samples_of(name))
    before = contents(small_disk)
    assert len(before) == 2
    with pytest.raises(UserError, match=r'cannot write .*out/2\.png: No space left on device'):
        hook.after_test_iter(runner, 0, None, samples_of('2'))
    assert contents(small_disk) == before


def test_photos(small_disk):
    write_picture(NOISE, small_disk / 'a.png')
    write_picture(NOISE, small_disk / 'b.png')
    before = contents(small_disk)
    # a new result over an old one, too
    for name in ('a.png', 'c.png'):
        with pytest.raises(UserError, match=f'cannot write .*{name}: No space left on device'):
            write_picture(NOISE[:, ::-1], small_disk / name)
    assert contents(small_disk) == before
