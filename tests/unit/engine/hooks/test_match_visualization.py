"""Match pictures of validations and tests."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from masasr_mm.engine.hooks import MatchVisualizationHook
from masasr_mm.visualization.match_picture import draw_matches
from masasr_mm.visualization.visualizers import draw_sample, picture_name
from tests.editors import batch, build


@pytest.fixture
def sample():
    """A sample as the editor returns it, of two stacked references, and its own picture."""

    def pixels(image: torch.Tensor) -> np.ndarray:
        return image.permute(1, 2, 0).byte().numpy().copy()

    data = batch((9, 11), (64, 32))
    lq, ref = pixels(data['inputs'][0]), pixels(data['data_samples'][0].ref_img)
    [sample] = build().eval().test_step(data)
    sample.set_metainfo(dict(gt_path='data/003_0.png', ref_path=['a.png', 'b.png']))
    sr = pixels(sample.output.pred_img)[..., ::-1]
    return sample, draw_matches(lq, sr, ref, sample.output.matches, num_refs=2)


def test_a_sample_is_drawn_with_its_matches(sample):
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
