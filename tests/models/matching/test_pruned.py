"""The pruned search of Stage 1 against Eq. 1 written out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from masasr_mm.models import MatchExtractionModule
from masasr_mm.models.matching import directions, pruned, squares
from masasr_mm.models.matching.block_grid import BlockGrid
from tests.models import naive

WAITING = ('_local_scalar_dense', 'nonzero', 'masked_select', '_linalg_check_errors', 'item')
"""Operators that a GPU's result is waited for in."""


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def photo_like(channels, height, width, seed=0):
    """Features of neighbours that are alike, as those of photos are."""
    coarse = noise(1, channels, height // 4 + 2, width // 4 + 2, seed=seed)
    return F.interpolate(coarse, (height, width), mode='bicubic').relu()


def similarities(lr, ref_down, dilations=(1, 2, 3), patch=3, block=8):
    """Eq. 1 for all centres and all positions, in float64, by unfolding; shape (N, K, H·W)."""
    lr, ref_down, total = lr.double(), ref_down.double(), 0
    rim = max(dilations) * (patch // 2)
    padded = F.pad(lr, [rim] * 4, mode='replicate')
    for dilation in dilations:
        inner = rim - dilation * (patch // 2)
        cut = padded[:, :, inner : padded.shape[2] - inner, inner : padded.shape[3] - inner]
        patches = F.unfold(cut, patch, dilation).unflatten(2, lr.shape[2:])
        centres = patches[:, :, block // 2 :: block, block // 2 :: block].flatten(2)
        extent = dilation * (patch // 2)
        candidates = F.unfold(ref_down, patch, dilation, padding=extent)
        centres, candidates = (
            F.normalize(vectors, dim=1, eps=1e-12) for vectors in (centres, candidates)
        )
        total = total + centres.transpose(1, 2) @ candidates
    return total


def search(lr, ref_down, kind='pruned', **settings):
    module = MatchExtractionModule(search=kind, **settings)
    return module.coarse_match(lr, ref_down, module.block_grid(lr, ref_down))


def test_the_naive_transcription_is_followed():
    ref_down = photo_like(6, 33, 46, seed=1)
    lr = ref_down[:, :, 5:21, 9:33] + 0.1 * noise(1, 6, 16, 24, seed=2)
    expected = []
    for row in range(2):
        for column in range(3):
            y, x = naive.coarse(naive.rimmed_block(lr[0], row, column, 8, 8), ref_down[0])
            expected.append(y * 46 + x)
    assert search(lr, ref_down)[0].tolist() == expected


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
def test_with_all_directions_and_squares_it_is_the_exact_search(size, settings, monkeypatch):
    monkeypatch.setattr(pruned, 'DIRECTIONS', 1000)
    lr, ref_down = noise(2, 4, 32, 24, seed=1), noise(2, 4, *size, seed=2)
    patch, dilations = settings.get('patch_size', 3), settings.get('dilations', (1, 2, 3))
    expected = similarities(lr, ref_down, dilations, patch).argmax(dim=2)
    assert torch.equal(search(lr, ref_down, **settings), expected)
    monkeypatch.setattr(pruned, 'DIRECTIONS', 1)
    monkeypatch.setattr(squares, 'SQUARES', 1000)
    assert torch.equal(search(lr, ref_down, **settings), expected)


def test_the_best_of_the_squares_is_chosen_however_few_there_are(monkeypatch):
    """By the whole sum of cosines, where what is compared first is all but blind."""
    monkeypatch.setattr(pruned, 'DIRECTIONS', 1)
    monkeypatch.setattr(squares, 'SQUARES', 3)
    lr, ref_down, seen = noise(1, 4, 32, 24, seed=1), noise(1, 4, 40, 60, seed=2), []
    decide = pruned._best_in

    def spy(chosen, *arguments):
        seen.append(chosen)
        return decide(chosen, *arguments)

    monkeypatch.setattr(pruned, '_best_in', spy)
    have = search(lr, ref_down)
    chosen = torch.cat(seen, dim=1)[0]
    totals = similarities(lr, ref_down)[0].view(-1, 40, 60)
    for block, total, choice in zip(chosen, totals, have[0]):
        inside = torch.zeros(40, 60, dtype=torch.bool)
        for square in block.tolist():
            y, x = divmod(square, 15)
            inside[4 * y : 4 * y + 4, 4 * x : 4 * x + 4] = True
        assert int(inside.sum()) == 48
        assert int(choice) == int(total.where(inside, -torch.inf).argmax())


def test_nearly_all_of_many_blocks_find_the_best():
    ref_down = photo_like(16, 200, 260, seed=1)
    lr = ref_down[:, :, 4:196, 3:251] + 0.15 * noise(1, 16, 192, 248, seed=2)
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


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_features_of_any_precision_are_matched_in_float32(dtype):
    lr, ref_down = noise(1, 8, 32, 40, seed=1).to(dtype), noise(1, 8, 40, 60, seed=2).to(dtype)
    module = MatchExtractionModule(search='pruned')
    have, expected = module(lr, ref_down), module(lr.float(), ref_down.float())
    assert torch.equal(have.coarse_index, expected.coarse_index)
    assert have.similarity.dtype == torch.float32


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
    monkeypatch.setattr(directions, 'SAMPLES', 500)
    lr, ref_down = noise(2, 8, 160, 160, seed=1), noise(2, 8, 200, 300, seed=2)
    with Recorder() as recorder:
        search(lr, ref_down, kind, max_elements=2**17)
    assert recorder.largest <= 2 * 8 * 206 * 300


def choices(**settings):
    """The kinds of search for an LR of 256² and 512² with references of their field of view."""
    module = MatchExtractionModule(**settings)
    sizes = ((256, 256), (512, 512))
    return [module.prunes(BlockGrid.of(size, size, 8, 1.5, 3)) for size in sizes]


def test_what_is_asked_for_is_done(monkeypatch):
    assert choices() == choices(search='auto') == [False, True]
    assert choices(search='exact') == [False, False]
    assert choices(search='pruned') == [True, True]
    monkeypatch.setattr(torch.compiler, 'is_compiling', lambda: True)
    assert choices() == [False, False]


def test_auto_does_as_it_says(monkeypatch):
    lr, ref_down = noise(1, 4, 32, 24, seed=1), noise(1, 4, 40, 60, seed=2)
    for kind in ('exact', 'pruned'):
        monkeypatch.setattr(pruned, 'DIRECTIONS', 1)
        monkeypatch.setattr(squares, 'SQUARES', 1)
        limit = 12 * 40 * 60 - (kind == 'pruned')
        monkeypatch.setattr('masasr_mm.models.matching.module.EXACT_UP_TO', limit)
        assert torch.equal(search(lr, ref_down, 'auto'), search(lr, ref_down, kind))
    assert not torch.equal(search(lr, ref_down), search(lr, ref_down, 'exact'))


def test_exact_is_what_it_was():
    """The choices of the commit before there was another search, which are Eq. 1's."""
    lr, ref_down = noise(1, 4, 32, 24, seed=1), noise(1, 4, 40, 60, seed=2)
    have = search(lr, ref_down, 'exact')
    assert have[0].tolist() == [
        *(733, 1523, 414, 505, 559, 1735),
        *(2013, 356, 1640, 1685, 1747, 1571),
    ]
    assert torch.equal(have, similarities(lr, ref_down).argmax(dim=2))


def test_another_search_is_told():
    with pytest.raises(ValueError, match="search='fast': it is one of 'auto', 'exact', 'pruned'"):
        MatchExtractionModule(search='fast')
