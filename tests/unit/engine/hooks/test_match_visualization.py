"""Match pictures of real validations and tests, in TensorBoard and as files."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmagic.registry import VISUALIZERS
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from PIL import Image

from masasr_mm.apis import MASAInferencer
from masasr_mm.engine.hooks import MatchVisualizationHook
from masasr_mm.engine.hooks import testing as match_visualization
from masasr_mm.visualization.match_picture import draw_matches
from masasr_mm.visualization.visualizers import draw_sample, picture_name
from tests.commands import run_python, succeed
from tests.conftest import REPOSITORY


class Recorder:
    """Stands for a Runner: takes down what is given to its visualizer."""

    iter = 7

    def __init__(self):
        self.visualizer = self
        self.images = []

    def add_image(self, name, image, step):
        self.images.append((name, image, step))


@pytest.fixture(scope='module')
def sample(small_model, small_checkpoint, photos):
    """A sample as the editor returns it, of two stacked references, and its own picture."""
    lq, ref, other = photos
    item = dict(
        img=lq, own_ref=lq, ref=[ref, other], neutral=False,
        alignments=(SimpleNamespace(shows_the_scene=True),),
        img_channel_order='rgb', own_ref_channel_order='rgb', ref_channel_order='rgb',
    )  # fmt: skip
    pipeline = Config.fromfile(REPOSITORY / 'configs/_base_/inference.py').inference_pipeline
    with DefaultScope.overwrite_default_scope('mmagic'):
        packed = Compose(pipeline[2:])(item)  # what is read already is not loaded
    with torch.no_grad():
        [sample] = small_model.test_step(pseudo_collate([packed]))
    prediction = MASAInferencer(small_checkpoint, device='cpu', align='off').predict(
        lq, [ref, other]
    )
    sample.set_metainfo(dict(gt_path='data/003_0.png', ref_path=['a.png', 'b.png']))
    expected = draw_matches(
        prediction.lq, prediction.image, prediction.ref, prediction.matches, num_refs=2
    )
    return sample, expected


def test_a_sample_is_drawn_as_a_prediction_is(sample):
    sample, expected = sample
    assert picture_name(sample) == '003_0_matches'
    np.testing.assert_array_equal(draw_sample(sample), expected)


def test_intervals_and_switches(sample, monkeypatch):
    sample, _ = sample
    monkeypatch.setattr(match_visualization, 'draw_sample', lambda sample: sample.gt_path)
    runner = Recorder()
    hook = MatchVisualizationHook(interval=2, on_test=False)
    for batch in range(3):
        hook.after_val_iter(runner, batch, None, [sample])
        hook.after_test_iter(runner, batch, None, [sample])
    assert runner.images == [('003_0_matches', 'data/003_0.png', 7)] * 2
    MatchVisualizationHook(interval=1).after_test_iter(runner, 1, None, [sample])
    assert len(runner.images) == 3
    MatchVisualizationHook(on_val=False).after_val_iter(runner, 0, None, [sample])
    assert len(runner.images) == 3


def test_the_visualizer_writes_a_file(sample, tmp_path):
    sample, expected = sample
    visualizer = VISUALIZERS.build(
        dict(
            type='MatchVisualizer',
            name='test_the_visualizer_writes_a_file',
            vis_backends=[dict(type='LocalVisBackend')],
            save_dir=str(tmp_path),
        )
    )
    visualizer.add_datasample(sample, step=3)
    [path] = tmp_path.rglob('*.png')
    assert path.name == '003_0_matches_3.png'
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), expected)


def test_validation_puts_pictures_into_tensorboard(small_config, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = Config.fromfile(small_config)
    config.work_dir = str(tmp_path)
    config.custom_hooks = [dict(type='MatchVisualizationHook', interval=2, on_test=False)]
    config.default_hooks.checkpoint = None
    Runner.from_cfg(config).val()
    [events] = tmp_path.rglob('events.out.tfevents*')
    accumulator = EventAccumulator(str(events), size_guidance=dict(images=0))
    accumulator.Reload()
    assert accumulator.Tags()['images'] == ['000_0_matches', '002_0_matches']
    [image] = accumulator.Images('002_0_matches')
    assert image.width == 1300


def test_the_test_tool_draws_all_images(small_config, small_checkpoint, tmp_path):
    result = run_python(
        'tools/test.py', small_config, small_checkpoint, '--work-dir', tmp_path, '--show-matches'
    )
    succeed(result)
    names = {path.name for path in tmp_path.rglob('*_matches_*.png')}
    assert names == {f'00{index}_0_matches_0.png' for index in range(3)}
