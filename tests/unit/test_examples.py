"""The examples of demo/mmagic: our parts in other models, and parts of one's own in ours."""

from __future__ import annotations

import pytest
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from mmengine.config import Config

import masasr_mm  # noqa: F401
from tests import naive_mem
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / 'demo' / 'mmagic'


@pytest.fixture
def _examples_are_found(monkeypatch):
    """As with PYTHONPATH=demo/mmagic."""
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.mark.usefixtures('_examples_are_found')
def test_mem_in_ttsr_trains():
    """mmagic's editor runs our matching, and learns through it."""
    config = Config.fromfile(EXAMPLES / 'ttsr_with_mem.py').model
    config.extractor.load_pretrained_vgg = False  # random weights do here, and need no download
    config.generator.update(mid_channels=8, num_blocks=(1, 1, 1, 1))
    torch.manual_seed(0)
    model = MODELS.build(config)
    assert type(model.transformer).__name__ == 'MEMTransformer'
    inputs = torch.rand(1, 3, 16, 24) * 2 - 1
    images = {key: torch.rand(1, 3, 64, 96) * 255 for key in ('img_lq', 'ref_lq', 'ref_img')}

    def result(**changed):
        return model(inputs, DataSample(**{**images, **changed}), mode='tensor')

    sr = result()
    assert sr.shape == (1, 3, 64, 96)
    assert not torch.allclose(sr, result(ref_img=images['ref_img'].flip(3)))
    sr.abs().sum().backward()
    assert model.extractor.slice1[0].weight.grad.abs().sum() > 0


@pytest.mark.usefixtures('_examples_are_found')
def test_mem_finds_what_ttsr_finds():
    """On a shifted copy the best match is unique, so that both must agree inside the image."""
    from mem_transformer import MEMTransformer
    from mmagic.models.editors.ttsr import SearchTransformer

    torch.manual_seed(0)
    ref = torch.rand(1, 4, 24, 24)
    img = ref.roll((3, 5), dims=(2, 3))
    refs = [ref, torch.rand(1, 3, 48, 48)]
    _, stock = SearchTransformer()(img, ref, refs)
    attention, ours = MEMTransformer()(img, ref, refs)
    # The texture is weighted by the similarity in MASA, and patches overlap within a block alone.
    inner = (..., slice(10, 14), slice(10, 14))
    torch.testing.assert_close(ours[0][inner] / attention[inner], stock[0][inner])
    torch.testing.assert_close(attention[inner], torch.ones(1, 1, 4, 4))


@pytest.mark.usefixtures('_examples_are_found')
def test_a_module_in_sams_place():
    config = Config.fromfile(EXAMPLES / 'masa_with_gate.py').model.generator
    config.update(channels=4, fusion_blocks=(1, 1, 1), encoder=dict(num_blocks=1), init_cfg=None)
    net = MODELS.build(config)
    assert type(net.adaptation).__name__ == 'GatedAdaptation'
    lq, ref_down = torch.rand(2, 1, 3, 16, 16)
    net(lq, torch.rand(1, 3, 64, 64), ref_down).sum().backward()
    assert net.adaptation.gate[0].weight.grad.abs().sum() > 0


@pytest.mark.usefixtures('_examples_are_found')
def test_another_similarity_in_stage_2():
    """One block, whose Ref↓ block is all of Ref↓, so that Stage 1 has no say."""
    from correlation_matching import CorrelationMatching, centred

    config = Config.fromfile(EXAMPLES / 'masa_with_correlation.py').model.generator
    torch.manual_seed(0)
    matching = MODELS.build(config.matching)
    assert type(matching) is CorrelationMatching
    lr, ref_down = torch.rand(2, 1, 4, 8, 8) + torch.rand(2, 1, 1, 8, 8)
    matches = matching(lr, ref_down)
    expected, _ = naive_mem.match_and_extract(centred(lr)[0], centred(ref_down)[0], {})
    assert torch.equal(matches.fine_index[0, 0], expected['fine'][0])
    torch.testing.assert_close(matches.similarity[0], expected['similarity'][0])
    plain, _ = naive_mem.match_and_extract(lr[0], ref_down[0], {})
    assert not torch.equal(expected['fine'][0], plain['fine'][0])
