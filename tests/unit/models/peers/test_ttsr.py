"""TTSR in one network: VGG features, and the texture that is found by them."""

from __future__ import annotations

import pytest
import torch
from mmagic.registry import MODELS
from mmagic.structures import DataSample
from torchvision import models

from masasr_mm.errors import UserError
from masasr_mm.models.peers import TTSRNetwork
from masasr_mm.models.peers.network import enlarge
from masasr_mm.models.peers.ttsr import TextureExtractor, TextureMatching

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


@pytest.fixture
def vgg_file(random_vgg19, tmp_path):
    """A file like torchvision's."""
    weights = {
        f'features.{key}': value for key, value in random_vgg19.features.state_dict().items()
    }
    torch.save({**weights, 'classifier.0.weight': torch.zeros(1)}, tmp_path / 'vgg19.pth')
    return tmp_path / 'vgg19.pth'


def test_it_is_mmagics_extractor_and_vgg19(random_vgg19, vgg_file, monkeypatch):
    from mmagic.models.editors.ttsr import LTE

    monkeypatch.setattr(models, 'vgg19', lambda pretrained: random_vgg19)
    ours, theirs = TextureExtractor(), LTE()
    ours.load_vgg19(vgg_file)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    image = torch.rand(1, 3, 16, 12)
    mean, std = (torch.tensor(values)[:, None, None] for values in
                 ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))  # fmt: skip
    with torch.no_grad():
        have = ours(image)
        for level, expected in zip(have, theirs(image)):
            torch.testing.assert_close(level, expected)
        torch.testing.assert_close(have[0], random_vgg19.features[:12]((image - mean) / std))


def test_training_starts_from_the_file(vgg_file, random_vgg19):
    net = TextureMatching(False, str(vgg_file))
    net.init_weights()
    weight = random_vgg19.features[10].weight
    assert torch.equal(net.extractor.slice3[3].weight, weight)
    assert not any(parameter.requires_grad for parameter in net.extractor.parameters())
    assert TextureMatching(True).extractor.slice1[0].weight.requires_grad


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save({'conv.weight': torch.zeros(1)}, tmp_path / 'other.pth')
    with pytest.raises(UserError, match=r"no VGG19 of torchvision.*'features\.0\.weight'"):
        TextureExtractor().load_vgg19(tmp_path / 'other.pth')
