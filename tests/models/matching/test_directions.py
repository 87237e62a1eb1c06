"""The principal directions of the patches of Ref↓, against torch's decomposition."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from masasr_mm.models.matching import directions
from masasr_mm.models.matching.block_grid import BlockGrid
from masasr_mm.models.matching.patches import dilated_norm


def test_directions_are_those_of_the_singular_values():
    """Of vectors whose lengths along the directions fall as those of a photo's patches do."""
    torch.manual_seed(0)
    basis = torch.linalg.qr(torch.randn(2, 90, 90)).Q
    vectors = (torch.randn(2, 500, 90) * 0.7 ** torch.arange(90)) @ basis.transpose(1, 2)
    have = directions.principal_directions(vectors, 12)
    expected = torch.linalg.svd(vectors).Vh[:, :12].transpose(1, 2)
    eye = torch.eye(12).expand(2, -1, -1)
    torch.testing.assert_close(have.transpose(1, 2) @ have, eye, atol=1e-5, rtol=0)
    kept = [(vectors @ basis).square().sum((1, 2)) for basis in (have, expected)]
    torch.testing.assert_close(kept[0], kept[1], rtol=1e-3, atol=0)


@pytest.mark.parametrize('kind', ['zero', 'alike', 'few', 'fewer than directions'])
def test_vectors_without_enough_directions_do_no_harm(kind):
    torch.manual_seed(0)
    vectors = dict(
        zero=torch.zeros(1, 40, 20),
        alike=torch.ones(1, 40, 20),
        few=torch.randn(1, 40, 3) @ torch.randn(1, 3, 20),
    ).get(kind, torch.randn(1, 9, 20))
    have = directions.principal_directions(vectors, 9)
    torch.testing.assert_close(have[0].T @ have[0], torch.eye(9), atol=1e-5, rtol=0)
    torch.testing.assert_close(vectors @ have @ have.transpose(1, 2), vectors, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ('size', 'patch', 'dilations'),
    [((9, 13), 3, (1, 2, 3)), ((6, 5), 5, (1, 3)), ((40, 3), 1, (2,))],
)
def test_samples_are_patches_of_ref_down(size, patch, dilations):
    """All of them where there are few positions, by unfolding."""
    torch.manual_seed(0)
    ref_down = torch.rand(2, 4, *size)
    norms = [dilated_norm(ref_down, patch, dilation) for dilation in dilations]
    grid = BlockGrid.of((8, 8), size, 8, 1.5, patch)
    have = directions.sample(ref_down, norms, grid, dilations)
    unfolded = torch.cat(
        [
            F.normalize(F.unfold(ref_down, patch, d, padding=d * (patch // 2)), dim=1)
            for d in dilations
        ],
        dim=1,
    ).transpose(1, 2)
    assert have.shape == unfolded.shape
    for sample in range(2):
        distance = torch.cdist(
            have[sample], unfolded[sample], compute_mode='donot_use_mm_for_euclid_dist'
        )
        assert distance.amin(dim=1).max() < 1e-5
        assert len(have[sample].unique(dim=0)) > 0.6 * len(unfolded[sample])


def test_samples_lie_evenly(monkeypatch):
    """Every part of Ref↓ is seen: each 8×8 of 64×96 has 2 of 200 samples, about."""
    monkeypatch.setattr(directions, 'SAMPLES', 200)
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing='ij')
    ref_down = torch.stack([y, x, torch.ones_like(x)])[None]
    ones = [torch.ones(1, 1, 64, 96)]
    grid = BlockGrid.of((8, 8), (64, 96), 8, 1.5, 1)
    [places] = directions.sample(ref_down, ones, grid, (1,))
    hit = torch.zeros(8, 12)
    hit.index_put_(tuple((places[:, :2] // 8).long().T), torch.ones(len(places)), accumulate=True)
    assert hit.min() >= 1
    assert hit.max() <= 4
