"""Match pictures of real validations and tests, in TensorBoard and as files."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope

from masasr_mm.apis import MASAInferencer
from masasr_mm.engine.hooks import MatchVisualizationHook
from masasr_mm.visualization.match_picture import draw_matches
from masasr_mm.visualization.visualizers import draw_sample, picture_name
from tests.conftest import REPOSITORY


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


def test_validations_are_drawn_and_tests_where_it_is_asked(sample):
    drawn = []
    visualizer = SimpleNamespace(add_image=lambda name, *_: drawn.append(name))
    runner = SimpleNamespace(visualizer=visualizer, iter=0)
    for on_test in (False, True):
        hook = MatchVisualizationHook(interval=1, on_test=on_test)
        hook.after_val_iter(runner, 0, outputs=[sample[0]])
        hook.after_test_iter(runner, 0, outputs=[sample[0]])
    assert drawn == 3 * ['003_0_matches']
