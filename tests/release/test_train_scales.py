"""Training and testing at ×2, through its config."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from PIL import Image

from masasr_mm.apis import MASAInferencer
from masasr_mm.config import load_config
from tests.conftest import REPOSITORY

ITERATIONS = 16


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


def test_a_few_steps_make_better_images(small_data, tmp_path):
    options = {
        'model.generator.channels': 8,
        'model.generator.fusion_blocks': (1, 1),
        'model.generator.encoder.num_blocks': 1,
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'train_dataloader.dataset.data_root': str(small_data / 'train'),
        'val_dataloader.num_workers': 0,
        'val_dataloader.dataset.data_root': str(small_data / 'test' / 'CUFED5'),
        'val_dataloader.dataset.pipeline.3.size': (96, 96),
        'train_cfg.max_iters': ITERATIONS,
        'train_cfg.val_interval': ITERATIONS,
        'optim_wrapper.generator.optimizer.lr': 2e-3,
        'default_hooks.checkpoint.interval': ITERATIONS,
        'custom_hooks': [],
        'randomness': dict(seed=0),
    }
    config = load_config(str(REPOSITORY / 'configs/masa-rec_x2_cufed5.py'), options)
    config.work_dir = str(tmp_path / 'work')
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
