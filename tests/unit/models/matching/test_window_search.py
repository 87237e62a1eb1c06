"""Stage 1 around known places against Eq. 1 written out."""

from __future__ import annotations

import pytest
import torch

from masasr_mm.models import MatchExtractionModule
from masasr_mm.models.matching.window_search import RADIUS
from tests import naive_mem

SIZE = (60, 90)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def places_of(top: float, left: float, size=(40, 56)) -> torch.Tensor:
    """Where the blocks of an LR of a size lie that was cut out there, (1, 1, 2, py, px)."""
    rows, columns = (torch.arange(4.0, length, 8) for length in size)
    return torch.stack(torch.meshgrid(rows + top, columns + left, indexing='ij'))[None, None]


def coarse(lr, ref_down, places=None, **settings):
    module = MatchExtractionModule(**{'search': 'exact', **settings})
    matches = module(lr, ref_down, places)
    assert 0 <= matches.position.min() <= matches.position.max() < ref_down[0, 0].numel()
    assert matches.similarity.shape == lr[:, 0].shape
    return matches.coarse_index


def transcribed(lr, ref_down, places):
    """The best position of Eq. 1 around any place of each block, of those inside."""
    height, width = ref_down.shape[2:]
    scores = naive_mem.coarse_scores(lr[0].double(), ref_down[0].double())
    best = []
    for block, totals in enumerate(scores.view(-1, height, width)):
        seen = torch.full((height, width), -torch.inf).double()
        for y, x in places[0].flatten(2)[..., block].round().long().tolist():
            here = (
                slice(max(0, y - RADIUS), max(0, y + RADIUS + 1)),
                slice(max(0, x - RADIUS), max(0, x + RADIUS + 1)),
            )
            seen[here] = totals[here]
        best.append(int(seen.argmax()))
    return torch.tensor([best])


@pytest.mark.parametrize('max_elements', [10**4, 10**5, None])
def test_the_best_around_its_own_place_is_chosen_although_a_better_one_is_elsewhere(max_elements):
    ref_down = noise(1, 4, *SIZE)
    lr = ref_down[:, :, 3:43, 7:63] + 0.05 * noise(1, 4, 40, 56, seed=1)
    ref_down = torch.cat([ref_down, ref_down], dim=2)
    ref_down[:, :, : SIZE[0]] += 0.05 * noise(1, 4, *SIZE, seed=2)
    jittered = places_of(3, 7) + (11 * noise(1, 1, 2, 5, 7, seed=3) - 5.5)
    have = coarse(lr, ref_down, jittered, max_elements=max_elements)
    assert torch.equal(have, transcribed(lr, ref_down, jittered))
    assert (have < ref_down[0, 0].numel() // 2).all()
    assert (coarse(lr, ref_down) >= ref_down[0, 0].numel() // 2).float().mean() > 0.3


def two_copies():
    """An LR, and a Ref↓ that shows it a little worse in its first half than in its second."""
    clean = noise(1, 4, *SIZE)
    lr = clean[:, :, 3:43, 7:63] + 0.05 * noise(1, 4, 40, 56, seed=1)
    return lr, torch.cat([clean + 0.25 * noise(1, 4, *SIZE, seed=2), clean], dim=2)


def test_a_block_without_a_place_is_sought_in_what_is_aligned_first():
    lr, ref_down = two_copies()
    places = places_of(3, 7)
    places[..., 2] = torch.nan
    assert (coarse(lr, ref_down, places) < ref_down[0, 0].numel() // 2).all()
    assert (coarse(lr, ref_down) >= ref_down[0, 0].numel() // 2).all()


def test_where_alignment_does_not_hold_what_is_a_little_better_elsewhere_is_taken():
    lr, ref_down = two_copies()
    places = places_of(3, 7)
    places[:, :, 1, :, 4:] -= 25
    assert torch.equal(coarse(lr, ref_down, places), coarse(lr, ref_down))


def test_of_several_places_the_best_one_is_chosen():
    ref_down = noise(1, 4, *SIZE)
    lr = ref_down[:, :, 3:43, 20:76] + 0.1 * noise(1, 4, 40, 56, seed=1)
    places = torch.cat([places_of(-2, 7), places_of(3, 30), places_of(4, 20)], dim=1)
    have = coarse(lr, ref_down, places)
    assert torch.equal(have, transcribed(lr, ref_down, places))
    assert torch.equal(have, coarse(lr, ref_down))


@pytest.mark.parametrize('search', ['exact', 'pruned'])
def test_blocks_without_a_place_or_in_the_wrong_one_are_searched_everywhere(search):
    ref_down = noise(2, 8, *SIZE)
    lr = ref_down[:, :, 3:43, 7:63] + 0.1 * noise(2, 8, 40, 56, seed=1)
    expected = coarse(lr, ref_down)
    places = places_of(3, 7).repeat(2, 1, 1, 1, 1)
    places[0, ..., 2] = torch.nan
    places[1, :, 1, :, 4:] -= 25
    places[1, :, 0, 0] = 10**6
    assert torch.equal(coarse(lr, ref_down, places, search=search), expected)
    nowhere = torch.full_like(places, torch.nan)
    assert torch.equal(coarse(lr, ref_down, nowhere, search=search), expected)


@pytest.mark.parametrize('size', [(3, 3), (3, 50), (70, 5)])
def test_a_ref_down_smaller_than_the_window(size):
    lr, ref_down = noise(1, 4, 40, 56, seed=1), noise(1, 4, *size)
    middle = places_of(0, 0) * 0 + torch.tensor(size).view(2, 1, 1) // 2
    for places in (middle, places_of(0, 0), -middle * torch.inf):
        coarse(lr, ref_down, places)


@pytest.mark.parametrize('value', [0, 1, torch.nan, torch.inf, 1e30])
@pytest.mark.parametrize('settings', [dict(), dict(block_size=4), dict(patch_size=5)])
def test_ugly_features_stay_inside_the_grid(value, settings):
    lr, ref_down = noise(1, 4, 40, 56, seed=1), noise(1, 4, *SIZE)
    places = places_of(3, 7)
    if settings.get('block_size') == 4:
        places = places.repeat_interleave(2, dim=3).repeat_interleave(2, dim=4)
    coarse(torch.full_like(lr, value), torch.full_like(ref_down, value), places, **settings)
    lr[..., 10:30, 20] = ref_down[..., 33] = value
    coarse(lr, ref_down, places, **settings)
