"""LPIPS against a plain computation; its weights are random, as the real ones must be fetched."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import lpips
import numpy as np
import pytest
import torch
from mmagic.registry import METRICS
from torchvision.models import squeezenet1_1

from masasr_mm.errors import UserError
from masasr_mm.evaluation.metrics import TRUNKS
from masasr_mm.models.losses import pretrained_file

TAPS = (1, 4, 7, 9, 10, 11, 12)
"""The layers of SqueezeNet's ``features`` that LPIPS looks at."""


@pytest.fixture
def weights_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path))
    return tmp_path / 'checkpoints'


@pytest.fixture
def squeezenet(weights_folder) -> torch.nn.Module:
    """A random SqueezeNet, its weights where torchvision looks for the real ones."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = squeezenet1_1().eval()
    weights_folder.mkdir()
    torch.save(network.state_dict(), pretrained_file(TRUNKS['squeeze']))
    return network


def images(seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, 65, 83))).float()


@torch.no_grad()
def plain_lpips(network: torch.nn.Module, first: torch.Tensor, second: torch.Tensor) -> float:
    """Sec. 3.1 of Zhang et al., 2018: weighted squared differences of unit-length features."""
    linear = torch.load(
        Path(lpips.__file__).parent / 'weights/v0.1/squeeze.pth', map_location='cpu'
    )
    total = 0.0
    features = []
    for image in (first, second):
        rgb = image[[2, 1, 0]].double() / 127.5 - 1
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        value = ((rgb - shift[:, None, None]) / scale[:, None, None]).float()[None]
        features.append([])
        for number, layer in enumerate(network.features):
            value = layer(value)
            if number in TAPS:
                features[-1].append(value[0].double().numpy())
    for number, pair in enumerate(zip(*features)):
        one, other = (value / np.linalg.norm(value, axis=0) for value in pair)
        weights = linear[f'lin{number}.model.1.weight'].double().numpy().reshape(-1, 1, 1)
        total += (weights * (one - other) ** 2).sum(axis=0).mean()
    return float(total)


def test_agrees_with_a_plain_computation(squeezenet):
    metric = METRICS.build(dict(type='LPIPS', net='squeeze', prefix='level-1'))
    pairs = [(images(0), images(1)), (images(2), (images(2) + 9).clamp(max=255))]
    samples = [dict(gt_img=gt, output=dict(pred_img=pred)) for gt, pred in pairs]
    metric.process(None, samples)
    expected = [plain_lpips(squeezenet, *pair) for pair in pairs]
    assert [result['LPIPS'] for result in metric.results] == pytest.approx(expected, rel=1e-4)
    metric.size = 2
    assert metric.evaluate() == {'level-1/LPIPS': pytest.approx(np.mean(expected), rel=1e-4)}
    # The order of the channels matters to it, so a wrong one would show.
    assert plain_lpips(squeezenet, *(i.flip(0) for i in pairs[1])) != pytest.approx(
        expected[1], rel=1e-2
    )


@pytest.mark.parametrize('net', TRUNKS)
def test_missing_weights_are_told_in_one_line(net, weights_folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise URLError('no route to host')

    monkeypatch.setattr(torch.hub, 'download_url_to_file', refuse)
    with pytest.raises(UserError) as caught:
        METRICS.build(dict(type='LPIPS', net=net))
    message = str(caught.value)
    assert str(pretrained_file(TRUNKS[net])) in message
    assert pretrained_file(TRUNKS[net]).parent == weights_folder
    assert 'extra_metrics=[]' in message
    assert '\n' not in message
