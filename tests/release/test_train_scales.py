"""Training and testing at ×2 and ×8, through their configs."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from masasr_mm.apis import MASAInferencer
from masasr_mm.config import load_config
from tests.conftest import REPOSITORY

ITERATIONS = 16


@pytest.fixture
def config(small_data, tmp_path):
    """Return a config of a scale on small data, with a small network."""

    def make(scale: int, iterations: int) -> Config:
        path = tmp_path / f'x{scale}.py'
        path.write_text(
            f"""
_base_ = {str(REPOSITORY / 'configs' / f'masa-rec_x{scale}_cufed5.py')!r}
blocks = (1,) * {scale.bit_length()}
model = dict(generator=dict(channels=8, fusion_blocks=blocks, encoder=dict(num_blocks=1)))
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
if train_pipeline[2]['type'] == 'FixedCrop':
    train_pipeline[2]['crop_size'] = (64, 64)
test_pipeline[3]['size'] = (96, 96)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root={str(small_data / 'train')!r}, pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=0,
    dataset=dict(data_root={str(small_data / 'test' / 'CUFED5')!r}, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
train_cfg = dict(max_iters={iterations}, val_interval={iterations})
optim_wrapper = dict(generator=dict(optimizer=dict(lr=2e-3)))
default_hooks = dict(checkpoint=dict(interval={iterations}))
custom_hooks = []
randomness = dict(seed=0)
"""
        )
        return load_config(str(path), work_dir=str(tmp_path / f'work_{scale}'))

    return make


def scores(runner: Runner) -> dict[str, float]:
    """The metrics of the last validation."""
    names = ('PSNR', 'SSIM', 'bicubic/PSNR')
    return {name: runner.message_hub.get_scalar(f'val/{name}').current() for name in names}


def train(runner: Runner) -> list[tuple[torch.Size, ...]]:
    """Train, and return the sizes of what each step gives the generator, and of its result."""
    shapes = []
    hook = runner.model.generator.register_forward_hook(
        lambda module, inputs, output: shapes.append((*(x.shape for x in inputs), output.shape))
    )
    runner.train()
    hook.remove()
    return shapes


def test_a_few_steps_make_better_images(config, small_data, tmp_path):
    config = config(2, ITERATIONS)
    untrained = deepcopy(config)
    untrained.default_hooks.checkpoint = None  # it begins with the training
    runner = Runner.from_cfg(untrained)
    runner.val()
    before = scores(runner)
    runner = Runner.from_cfg(config)
    shapes = train(runner)
    # Pairs of 96×96, reduced to a half: lq, ref, ref_down and the SR image.
    whole, half = (2, 3, 96, 96), (2, 3, 48, 48)
    assert shapes == [(half, whole, half, whole)] * ITERATIONS
    after = scores(runner)
    assert after['PSNR'] > before['PSNR'] + 0.1
    assert after['SSIM'] > before['SSIM']
    assert after['bicubic/PSNR'] == pytest.approx(before['bicubic/PSNR'])

    checkpoint = Path(runner.work_dir) / f'iter_{ITERATIONS}.pth'
    infer = MASAInferencer(checkpoint, device='cpu')
    assert infer.scale == 2
    test_image, ref = (small_data / 'test' / 'CUFED5' / f'000_{kind}.png' for kind in (0, 1))
    with Image.open(test_image) as image:
        image.reduce(2).save(tmp_path / 'lq.png')
        expected = (image.height + 1) // 2 * 2, (image.width + 1) // 2 * 2, 3
    assert infer(tmp_path / 'lq.png', ref).shape == expected


def test_eight_times(config):
    """A step and a validation of the ×8 config, whose crops are as small as the pairs ask for."""
    runner = Runner.from_cfg(config(8, 1))
    shapes = train(runner)
    whole, eighth = (2, 3, 64, 64), (2, 3, 8, 8)
    assert shapes == [(eighth, whole, eighth, whole)]
    assert all(value > 0 for value in scores(runner).values())
