"""TTSR in one network."""

from __future__ import annotations

import pytest
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from torchvision import models

import masasr_mm  # noqa: F401
from masasr_mm.models.peers import TTSRNetwork
from masasr_mm.models.peers.network import enlarge

BLOCKS = (1, 1, 1, 1)


def test_it_is_mmagics_ttsr(random_vgg19, monkeypatch):
    """mmagic's editor with the same weights, given what its pipeline makes."""
    monkeypatch.setattr(models, 'vgg19', lambda pretrained: random_vgg19)
    editor = MODELS.build(
        dict(
            type='TTSR',
            generator=dict(type='TTSRNet', in_channels=3, out_channels=3, num_blocks=BLOCKS),
            extractor=dict(type='LTE'),
            transformer=dict(type='SearchTransformer'),
            pixel_loss=dict(type='L1Loss'),
        )
    ).eval()
    net = TTSRNetwork(BLOCKS).eval()
    net.network.load_state_dict(editor.generator.state_dict())
    net.extractor.load_state_dict(editor.extractor.state_dict())
    lq, ref, ref_down = torch.rand(1, 3, 8, 6), torch.rand(1, 3, 32, 40), torch.rand(1, 3, 8, 10)
    sample = DataSample()
    sample.set_tensor_data(
        dict(img_lq=255 * enlarge(lq), ref_lq=255 * enlarge(ref_down), ref_img=255 * ref)
    )
    with torch.no_grad():
        expected = (editor.forward_tensor((lq - 0.5) / 0.5, sample) + 1) / 2
        torch.testing.assert_close(net(lq, ref, ref_down), expected, rtol=1e-4, atol=1e-5)


def test_the_extractor_is_trained():
    torch.manual_seed(0)
    net = TTSRNetwork(BLOCKS)
    torch.nn.init.normal_(net.network.merge_features.conv_last2.weight, std=0.01)
    net(torch.rand(1, 3, 6, 6), torch.rand(1, 3, 24, 24), torch.rand(1, 3, 6, 6)).sum().backward()
    assert float(net.extractor.slice3[3].weight.grad.abs().max()) > 0


@pytest.mark.parametrize('size', [(4, 4), (12, 8)])
def test_the_reference_may_have_another_size(size):
    net = TTSRNetwork(BLOCKS).eval()
    ref = torch.rand(1, 3, *(4 * length for length in size))
    with torch.no_grad():
        sr = net(torch.rand(1, 3, 8, 6), ref, torch.rand(1, 3, *size))
    assert sr.shape == (1, 3, 32, 24)
