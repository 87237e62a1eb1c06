"""Building the perceptual loss with and without VGG's weights."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import vgg

from masasr_mm.errors import UserError
from masasr_mm.models.losses.perceptual import build_perceptual_loss, vgg_weights_file

CONFIG = dict(
    type='PerceptualLoss',
    layer_weights={'34': 1.0},
    vgg_type='vgg19',
    perceptual_weight=1.0,
    style_weight=0,
    norm_img=False,
    criterion='mse',
)


def test_missing_weights_are_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))

    def no_network(*args, **kwargs):
        raise OSError('Network is unreachable')

    monkeypatch.setattr('torch.hub.download_url_to_file', no_network)
    with pytest.raises(UserError) as error:
        build_perceptual_loss(CONFIG)
    text = str(error.value)
    assert '\n' not in text
    assert str(vgg_weights_file()) in text
    assert str(tmp_path) in text
    assert 'vgg19-' in text
    assert 'model.perceptual_loss=None' in text


def test_the_loss_is_conv5_4_before_its_relu_and_frozen(random_vgg19):
    torch.manual_seed(0)
    loss = build_perceptual_loss(CONFIG)
    assert not any(parameter.requires_grad for parameter in loss.parameters())
    convs = [layer for layer in random_vgg19.features if isinstance(layer, torch.nn.Conv2d)]
    assert random_vgg19.features[34] is convs[15]  # the fourth of the last four

    a, b = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        phi = [random_vgg19.features[:34]((x - mean) / deviation) for x in (a, b)]
        phi = [convs[15](feature) for feature in phi]
        perceptual, style = loss(a, b)
    torch.testing.assert_close(perceptual, ((phi[0] - phi[1]) ** 2).mean())
    assert style is None


def test_the_file_is_where_torchvision_looks(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    name = vgg.VGG19_Weights.IMAGENET1K_V1.url.rsplit('/', 1)[-1]
    assert vgg_weights_file() == tmp_path / 'hub' / 'checkpoints' / name
