"""The same photo with the same references gives the same result by every way."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from masasr_mm.apis import MASAInferencer
from masasr_mm.cli import photo_command
from masasr_mm.demo.service import Job, Limits, Service
from masasr_mm.images.io import read_rgb
from tests.scripts import call_tool, load_tool

TEST_CONFIG = """
_base_ = {base!r}
inference_pipeline = _base_.inference_pipeline
inference_pipeline[-1]['meta_keys'] += ['gt_path']
test_dataloader = dict(
    _delete_=True,
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BasicImageDataset',
        metainfo=dict(dataset_type='photos', task_name='refsr'),
        data_root={root!r},
        data_prefix=dict(img='lq', gt='gt', ref='ref'),
        pipeline=[dict(type='LoadRGBImage', key='gt'), *inference_pipeline],
    ),
)
"""


@pytest.fixture(scope='module')
def folders(photos, tmp_path_factory) -> Path:
    """Photos in ``lq``, a reference of each in ``ref``, and what tests compare with in ``gt``."""
    root = tmp_path_factory.mktemp('photos')
    lq, ref, other = photos
    grey = np.repeat(np.asarray(Image.fromarray(lq).convert('L'))[..., None], 3, axis=2)
    dark = lq.astype(np.uint16) * 150 + np.arange(lq.shape[1], dtype=np.uint16)[:, None]
    pairs = dict(
        turned=(lq, np.rot90(ref)),  # is aligned
        unlike=(lq, other),  # is left out
        neutral=(grey, ref),  # stays black and white
        deep=(dark, ref),  # has 16 bits
        itself=(lq, lq),
    )
    for name, images in pairs.items():
        enlarged = cv2.resize(lq, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
        for folder, image in zip(('lq', 'ref', 'gt'), (*images, enlarged)):
            (root / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(root / folder / f'{name}.png'), image[..., ::-1])
    return root


@pytest.fixture(scope='module')
def results(folders, small_checkpoint, small_config) -> dict[str, np.ndarray]:
    """What MASAInferencer makes of the photos."""
    infer = MASAInferencer(small_checkpoint, device='cpu')
    predictions = {
        path.stem: infer.predict(path, folders / 'ref' / path.name)
        for path in sorted((folders / 'lq').iterdir())
    }
    [aligned] = predictions['turned'].alignments
    assert aligned.by == 'key points'
    assert [name for name, done in predictions.items() if done.left_out is not None] == ['unlike']
    return {name: prediction.image for name, prediction in predictions.items()}


def check(found: dict[str, np.ndarray], results: dict[str, np.ndarray]) -> None:
    assert found.keys() == results.keys()
    for name, image in results.items():
        difference = np.abs(found[name].astype(int) - image).max()
        # 16 bits are rounded once more on their way to 8.
        assert difference <= (1 if name == 'deep' else 0), name


def test_the_command(folders, results, small_checkpoint, tmp_path, monkeypatch):
    words = ['masasr', folders / 'lq', '--ref', folders / 'ref', '--out', tmp_path / 'out']
    words += ['--checkpoint', small_checkpoint, '--device', 'cpu', '--suffix', '']
    words += ['--dtype', 'float32']  # by default what is fastest here
    monkeypatch.setattr(sys, 'argv', list(map(str, words)))
    with pytest.raises(SystemExit) as exit_:
        photo_command.main()
    assert exit_.value.code == 0
    check({path.stem: read_rgb(path) for path in (tmp_path / 'out').iterdir()}, results)


def test_the_page(folders, results, small_checkpoint, tmp_path):
    service = Service(str(small_checkpoint), None, tmp_path, Limits())
    found = {}
    for path in (folders / 'lq').iterdir():
        result = service.super_resolve(Job(str(path), [str(folders / 'ref' / path.name)]))
        found[path.stem] = result.image
        assert np.abs(read_rgb(result.file).astype(int) - result.image).max() == 0
    check(found, results)


def test_the_test_tool(folders, results, small_checkpoint, small_config, tmp_path, monkeypatch):
    config = tmp_path / 'photos.py'
    config.write_text(TEST_CONFIG.format(base=str(small_config), root=str(folders)))
    words = ['--out', tmp_path / 'out', '--work-dir', tmp_path / 'work', '--device', 'cpu']
    status = call_tool(load_tool('test.py'), monkeypatch, config, small_checkpoint, *words)
    assert not status
    check({path.stem: read_rgb(path) for path in (tmp_path / 'out').glob('*.png')}, results)


def test_the_inferencer_of_mmagic(folders, results, small_checkpoint, small_config, tmp_path):
    from mmagic.apis.inferencers import ImageSuperResolutionInferencer

    config = Config.fromfile(small_config)
    infer = ImageSuperResolutionInferencer(config, str(small_checkpoint), device='cpu')
    found = {}
    for path in (folders / 'lq').iterdir():
        out = tmp_path / path.name
        infer(img=str(path), ref=str(folders / 'ref' / path.name), result_out_dir=str(out))
        found[path.stem] = read_rgb(out)
    check(found, results)
