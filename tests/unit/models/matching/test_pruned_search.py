"""The pruned search of Stage 1 against Eq. 1 written out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from masasr_mm.models import MatchExtractionModule
from masasr_mm.models.matching import pruned_search
from masasr_mm.models.matching.pruned_search import low_rank_basis, with_rest
from tests import naive_mem

WAITING = ('_local_scalar_dense', 'nonzero', 'masked_select', '_linalg_check_errors', 'item')
"""Operators that a GPU's result is waited for in."""


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def photo_like(channels, height, width, seed=0):
    """Features of neighbours that are alike, as those of photos are."""
    coarse = noise(1, channels, height // 4 + 2, width // 4 + 2, seed=seed)
    return F.interpolate(coarse, (height, width), mode='bicubic').relu()


def similarities(lr, ref_down, dilations=(1, 2, 3), patch=3):
    """Eq. 1 for all centres and all positions, in float64; shape (N, K, H·W)."""
    pairs = zip(lr.double(), ref_down.double())
    return torch.stack(
        [naive_mem.coarse_scores(*pair, dilations=dilations, size=patch) for pair in pairs]
    )


def search(lr, ref_down, kind='pruned', **settings):
    module = MatchExtractionModule(search=kind, **settings)
    grid = module.block_grid(tuple(lr.shape[2:]), tuple(ref_down.shape[2:]))
    return module.coarse_match(lr, ref_down, grid)


@pytest.mark.parametrize(
    ('size', 'settings'),
    [
        ((40, 60), dict()),
        ((41, 61), dict(max_elements=1)),
        ((43, 62), dict(max_elements=5000)),
        ((39, 63), dict(max_elements=None)),
        ((40, 60), dict(dilations=(1,))),
        ((41, 59), dict(dilations=(1, 2, 3, 4), patch_size=5)),
        ((3, 70), dict()),
        ((3, 3), dict()),
        ((70, 5), dict(patch_size=1, dilations=(2, 3))),
    ],
)
def test_with_all_directions_or_all_tiles_it_is_the_exact_search(size, settings, monkeypatch):
    monkeypatch.setattr(pruned_search, 'RANK', 1000)
    lr, ref_down = noise(2, 4, 32, 24, seed=1), noise(2, 4, *size, seed=2)
    patch, dilations = settings.get('patch_size', 3), settings.get('dilations', (1, 2, 3))
    expected = similarities(lr, ref_down, dilations, patch).argmax(dim=2)
    assert torch.equal(search(lr, ref_down, **settings), expected)
    monkeypatch.setattr(pruned_search, 'RANK', 1)
    monkeypatch.setattr(pruned_search, 'TILES', 1000)
    assert torch.equal(search(lr, ref_down, **settings), expected)


def test_nearly_all_of_many_blocks_find_the_best():
    ref_down = photo_like(16, 100, 130, seed=1)
    lr = ref_down[:, :, 2:98, 1:129] + 0.15 * noise(1, 16, 96, 128, seed=2)
    totals = similarities(lr, ref_down)
    have = search(lr, ref_down)
    best, found = totals.amax(dim=2), totals.gather(2, have[..., None])[..., 0]
    assert (found >= best - 1e-6).float().mean() > 0.99


@pytest.mark.parametrize('max_elements', [1, 1000, None])
def test_the_first_of_equal_positions_is_chosen(max_elements):
    """As by the exact search, of a Ref↓ that holds the same picture three times."""
    picture = noise(1, 4, 12, 20).mul(8).round()
    lr, ref_down = picture[:, :, 2:10, 6:14], picture.repeat(1, 1, 3, 1)
    for kind in ('exact', 'pruned'):
        assert search(lr, ref_down, kind, max_elements=max_elements).item() == 6 * 20 + 10


def test_a_sample_s_choices_do_not_depend_on_the_others():
    lr, ref_down = noise(3, 8, 32, 24), noise(3, 8, 50, 70, seed=1)
    ref_down[1] = 0
    together = search(lr, ref_down)
    alone = [search(lr[i : i + 1], ref_down[i : i + 1]) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))


def assert_as_good(lr, ref_down):
    """The choices may differ from the exact search's only where the similarity is the same."""
    have, expected = search(lr, ref_down), search(lr, ref_down, 'exact')
    totals = similarities(lr, ref_down)
    have, expected = (totals.gather(2, index[..., None]) for index in (have, expected))
    torch.testing.assert_close(have, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize('factor', [0, 1e-25, 1e-12, 1e15])
@pytest.mark.parametrize('which', ['lr', 'ref_down', 'both'])
def test_features_of_any_size(factor, which):
    ref_down = photo_like(8, 40, 60, seed=1)
    lr = ref_down[:, :, 3:35, 2:42] + 0.1 * noise(1, 8, 32, 40, seed=2)
    lr = lr if which == 'ref_down' else lr * factor
    assert_as_good(lr, ref_down if which == 'lr' else ref_down * factor)


def test_features_without_structure():
    ref_down = photo_like(8, 40, 60, seed=1)
    lr = ref_down[:, :, 3:35, 2:42] + 0.1 * noise(1, 8, 32, 40, seed=2)
    flat, dead = torch.full_like(ref_down, 0.3), torch.arange(8).view(8, 1, 1) % 3 > 0
    bars, pixel = ref_down.clone(), torch.zeros_like(ref_down)
    bars[:, :, :10] = bars[:, :, 30:] = 0
    pixel[:, :, 20, 30] = 1
    for other in (flat, ref_down * dead, bars, pixel):
        assert_as_good(lr, other)
    assert_as_good(flat[:, :, :32, :40], flat)
    assert_as_good(lr * dead, ref_down * dead)
    assert_as_good(bars[:, :, 3:35, 2:42], bars)


@pytest.mark.parametrize('value', [torch.nan, torch.inf, 1e30])
def test_numbers_out_of_range_stay_inside_the_grid(value):
    lr, ref_down = noise(1, 8, 32, 40, seed=1), noise(1, 8, 42, 61, seed=2)
    lr[:, :, 12, 12] = ref_down[:, :, 20:, 33] = value
    have = search(lr, ref_down)
    assert 0 <= have.min() <= have.max() < 42 * 61


class Recorder(TorchDispatchMode):
    """Notes the operators that are run and the largest tensor that they make."""

    def __init__(self):
        super().__init__()
        self.operators, self.largest = set(), 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        out = operator(*args, **(kwargs or {}))
        self.operators.add(operator._schema.name.split('::')[1])
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, torch.Tensor):
                # A view holds no memory of its own.
                self.largest = max(self.largest, tensor.untyped_storage().nbytes() // 4)
        return out


def test_no_result_is_waited_for():
    lr, ref_down = noise(2, 8, 32, 40, seed=1), noise(2, 8, 40, 60, seed=2)
    with Recorder() as recorder:
        search(lr, ref_down)
    assert {'topk', 'linalg_qr', 'convolution'} <= recorder.operators
    assert not recorder.operators & set(WAITING)


@pytest.mark.parametrize('kind', ['exact', 'pruned'])
def test_no_tensor_is_larger_than_what_is_given_or_may_be_held(kind, monkeypatch):
    """The features of Ref↓ with their rims here, but for the samples, whose number is fixed."""
    monkeypatch.setattr(pruned_search, 'SAMPLES', 500)
    lr, ref_down = noise(2, 8, 160, 160, seed=1), noise(2, 8, 200, 300, seed=2)
    with Recorder() as recorder:
        search(lr, ref_down, kind, max_elements=2**17)
    assert recorder.largest <= 2 * 8 * 206 * 300


def test_auto_does_as_it_says(monkeypatch):
    lr, ref_down = noise(1, 4, 32, 24, seed=1), noise(1, 4, 40, 60, seed=2)
    for kind in ('exact', 'pruned'):
        monkeypatch.setattr(pruned_search, 'RANK', 1)
        monkeypatch.setattr(pruned_search, 'TILES', 1)
        limit = 12 * 40 * 60 - (kind == 'pruned')
        monkeypatch.setattr('masasr_mm.models.matching.module.EXACT_UP_TO', limit)
        assert torch.equal(search(lr, ref_down, 'auto'), search(lr, ref_down, kind))
    assert not torch.equal(search(lr, ref_down), search(lr, ref_down, 'exact'))


def test_another_search_is_told():
    with pytest.raises(ValueError, match="search='fast': it is one of 'auto', 'exact', 'pruned'"):
        MatchExtractionModule(search='fast')


@pytest.mark.parametrize('count', [1, 5, 19, 20])
def test_products_with_the_rest_are_bounds(count):
    """And the products themselves, once no direction is left out."""
    torch.manual_seed(0)
    queries, vectors = torch.randn(50, 20).double(), torch.randn(300, 20).double()
    vectors[::7] = 0
    basis = torch.linalg.qr(torch.randn(20, 20).double()).Q[:, :count]
    queries[:20] = vectors[1:21]
    projected = (
        with_rest(given @ basis, given.square().sum(dim=1, keepdim=True), dim=1)
        for given in (queries, vectors)
    )
    bounds, products = next(projected) @ next(projected).T, queries @ vectors.T
    assert (bounds >= products - 1e-6).all()
    assert (bounds[:, ::7] == 0).all()
    if count == 20:
        torch.testing.assert_close(bounds, products, atol=1e-6, rtol=0)
    elif count == 19:  # what is left lies in one direction
        rest = queries @ vectors.T - (queries @ basis) @ (vectors @ basis).T
        torch.testing.assert_close(bounds - products + rest, rest.abs(), atol=1e-6, rtol=0)


def test_the_basis_is_that_of_the_singular_values():
    """Of vectors whose lengths along the directions fall as those of a photo's patches do."""
    torch.manual_seed(0)
    basis = torch.linalg.qr(torch.randn(2, 90, 90)).Q
    vectors = (torch.randn(2, 500, 90) * 0.7 ** torch.arange(90)) @ basis.transpose(1, 2)
    expected = torch.linalg.svd(vectors).Vh[:, :12].transpose(1, 2)
    have, most = (
        (vectors @ basis).square().sum((1, 2)) for basis in (low_rank_basis(vectors, 12), expected)
    )
    torch.testing.assert_close(have, most, rtol=1e-3, atol=0)
