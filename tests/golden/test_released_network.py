"""The network against recorded results of the released one, where they lie beside the checkout."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from masasr_mm.checkpoints.formats import to_released
from masasr_mm.checkpoints.loading import build_generator
from masasr_mm.models.inference.super_resolve import TiledMASANet
from masasr_mm.models.matching.blocks import to_blocks
from tests.conftest import REPOSITORY

GOLDEN = Path(os.path.normpath(REPOSITORY / '..' / 'shared' / 'golden'))
KINDS = ('lq', 'ref', 'ref_down', 'gt')
pytestmark = pytest.mark.skipif(
    not GOLDEN.exists(), reason=f'no recorded results of the released network in {GOLDEN}'
)


@pytest.fixture(scope='module')
def net() -> torch.nn.Module:
    return build_generator(GOLDEN / 'released_format.pth')[0].eval()


def tensor(bgr: np.ndarray) -> Tensor:
    """Bring (H, W, 3), BGR, to (1, 3, H, W), RGB; bytes to [0, 1]."""
    scale = 255 if bgr.dtype == np.uint8 else 1
    return torch.from_numpy(np.ascontiguousarray(bgr[..., ::-1])).permute(2, 0, 1)[None] / scale


def assert_same(sr: Tensor, case) -> None:
    """A near-tie of matches may fall the other way elsewhere; nothing else may differ."""
    difference = (sr - tensor(case['out_bgr'])).abs()
    assert difference.mean() < 2e-5
    assert (difference > 1e-3).float().mean() < 1e-3


@pytest.mark.parametrize('name', ['case_a', 'case_b'])
@torch.no_grad()
def test_images_and_matches(net, name):
    case = np.load(GOLDEN / f'{name}.npz')
    images = [tensor(case[f'{kind}_bgr']) for kind in KINDS[:3]]
    sr, matches = net.super_resolve(*images)
    assert_same(sr, case)
    assert (matches.coarse_index.numpy() == case['coarse_index']).mean() > 0.97
    assert (matches.fine_index[0].numpy() == case['fine_index']).mean() > 0.999
    similarity = to_blocks(matches.similarity, matches.blocks)[0].numpy()
    assert np.abs(similarity - case['similarity']).mean() < 1e-5
    assert_same(TiledMASANet(net, 16).super_resolve(*images)[0], case)


def test_gradients(net):
    case = np.load(GOLDEN / 'case_a.npz')
    recorded = json.loads((GOLDEN / 'case_a.grad.json').read_text())
    lq, ref, ref_down, gt = (tensor(case[f'{kind}_bgr']) for kind in KINDS)
    loss = (net(lq, ref, ref_down) - gt).abs().mean()
    loss.backward()
    assert loss.item() == pytest.approx(recorded['l1_loss'], abs=1e-5)
    found = {f'generator.{name}': weight.grad for name, weight in net.named_parameters()}
    norms = {name: gradient.norm().item() for name, gradient in to_released(found).items()}
    largest = max(recorded['grad_norm'].values())
    assert norms == pytest.approx(recorded['grad_norm'], rel=0, abs=5e-3 * largest)
