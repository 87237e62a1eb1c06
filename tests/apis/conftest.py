"""A small network in a checkpoint, and photos of one scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from skimage import data

import masasr_mm  # noqa: F401
from masasr_mm.apis.checkpoint import save_checkpoint

MODEL = dict(
    type='MASA',
    generator=dict(type='MASANet', channels=8, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1)),
    pixel_loss=dict(type='L1Loss'),
    data_preprocessor=dict(type='DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
)


@pytest.fixture(scope='session')
def small_model() -> torch.nn.Module:
    """An editor with a small network whose output differs from the bicubic enlargement."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = MODELS.build(MODEL)
    torch.nn.init.normal_(model.generator.to_image.weight, std=0.05)
    return model.eval()


@pytest.fixture(scope='session')
def small_checkpoint(small_model, tmp_path_factory) -> Path:
    """A file as a training writes it: weights, and the config as text."""
    path = tmp_path_factory.mktemp('checkpoint') / 'small.pth'
    text = Config(dict(model=MODEL, train_cfg=dict(max_iters=1))).pretty_text
    save_checkpoint(dict(state_dict=small_model.state_dict(), meta=dict(cfg=text)), path)
    return path


@pytest.fixture(scope='session')
def photos() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An LR photo of odd size, a reference of the same scene, and one of another."""
    left, right, _ = data.stereo_motorcycle()
    lq = np.ascontiguousarray(left[100:321:4, 200:437:4])
    return lq, np.ascontiguousarray(right[96:330, 190:421]), data.chelsea()[:150, :131].copy()
