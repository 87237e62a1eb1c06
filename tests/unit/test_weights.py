"""The weights that come with the package."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner.checkpoint import CheckpointLoader
from PIL import Image
from safetensors.torch import load_file
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from masasr_mm import weights
from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints.loading import check_start
from tests.conftest import REPOSITORY

MODEL = Config.fromfile(REPOSITORY / 'configs' / 'masa-rec_x4_photos.py').model.to_dict()


@pytest.fixture(scope='module')
def pair():
    """Two views of one scene, none of which was trained on: the LR, its HR, and the reference."""
    left, right, _ = data.stereo_motorcycle()
    hr = np.ascontiguousarray(left[100:340, 200:440])
    lq = Image.fromarray(hr).resize((60, 60), Image.Resampling.BICUBIC)
    return lq, hr, np.ascontiguousarray(right[96:344, 180:428])


@pytest.mark.parametrize('name', weights.NAMES)
def test_each_set_is_small_whole_and_better_than_bicubic(name, pair):
    file = weights.folder(name) / 'model.safetensors'
    assert file.stat().st_size <= 9_000_000
    state_dict = load_file(file)
    assert {str(value.dtype) for value in state_dict.values()} == {'torch.float16'}
    assert all(value.isfinite().all() for value in state_dict.values())
    lq, hr, ref = pair
    bicubic = np.array(lq.resize(hr.shape[1::-1], Image.Resampling.BICUBIC))
    named = {} if name == weights.DEFAULT else dict(checkpoint=name)
    sr = MASAInferencer(**named, device='cpu')(lq, ref)
    gain = peak_signal_noise_ratio(hr, sr) - peak_signal_noise_ratio(hr, bicubic)
    assert gain > 1


@pytest.mark.parametrize('name', weights.NAMES)
def test_a_training_can_start_from_them(name):
    check_start(name, MODEL, resume=False)
    checkpoint = CheckpointLoader.load_checkpoint(f'masasr_mm://{name}', 'cpu')
    expected = load_file(weights.folder(name) / 'model.safetensors')
    assert {f'generator.{key}' for key in expected} == set(checkpoint['state_dict'])


@pytest.mark.parametrize('name', weights.NAMES)
def test_the_config_is_that_of_the_training(name):
    stored = json.loads((weights.folder(name) / 'config.json').read_text())
    trained = {key: value for key, value in MODEL['generator'].items() if key != 'init_cfg'}
    assert stored == json.loads(json.dumps(trained))
