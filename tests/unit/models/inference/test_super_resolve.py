"""The whole, tiles and ensembles give what the network gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch
from mmagic.registry import MODELS
from torch import nn
from torch.nn import functional as F

from masasr_mm.errors import UserError
from masasr_mm.models import MatchExtractionModule
from masasr_mm.models.inference import memory
from masasr_mm.models.inference.estimate import Estimate
from masasr_mm.models.inference.super_resolve import (
    InferenceOptions,
    TiledMASANet,
    _turned_places,
    super_resolve,
)
from masasr_mm.models.layers import upsample
from masasr_mm.models.matching import pruned_search
from tests.small_networks import images, network


def assert_same(have, expected):
    torch.testing.assert_close(have, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('tile', [8, 24, None])
@pytest.mark.parametrize('sizes', [(40, 24, 30, 52), (8, 72, 5, 3)])
def test_tiles_give_the_whole(tile, sizes):
    net = network()
    inputs = images(*sizes, n=2)
    with torch.no_grad():
        whole, matches = net.super_resolve(*inputs)
    have, have_matches = TiledMASANet(net, tile).super_resolve(*inputs)
    assert torch.equal(have_matches.position, matches.position)
    assert whole.std() > 0.1
    assert_same(have, whole)


def test_tiles_match_as_the_whole_does_where_the_search_is_pruned(monkeypatch):
    """With a search so narrow that it misses most of the best."""
    monkeypatch.setattr(pruned_search, 'RANK', 1)
    monkeypatch.setattr(pruned_search, 'TILES', 1)
    net, inputs = network(matching=dict(search='pruned')), images(40, 24, 30, 52, n=2)
    with torch.no_grad():
        whole, matches = net.super_resolve(*inputs)
        net.matching.search = 'exact'
        exact = net.match(net.encode_lr(inputs[0])[0], inputs[2])
    net.matching.search = 'pruned'
    assert not torch.equal(exact.coarse_index, matches.coarse_index)
    for tile in (16, None):
        have, have_matches = TiledMASANet(net, tile).super_resolve(*inputs)
        assert torch.equal(have_matches.coarse_index, matches.coarse_index)
        assert torch.equal(have_matches.position, matches.position)
        assert_same(have, whole)


@pytest.mark.parametrize(
    'kind', ['NoAdaptation', 'AdaptiveInstanceNormalization', 'SpatiallyAdaptiveNormalization']
)
def test_the_siblings_of_sam_can_be_tiled(kind):
    # Halos are not rounded up to whole blocks then, so that what is missing of one shows.
    net = network(adaptation=dict(type=kind), matching=dict(block_size=1))
    inputs = images(24, 24, 20, 20)
    with torch.no_grad():
        whole = net(*inputs)
    assert_same(TiledMASANet(net, 8).super_resolve(*inputs)[0], whole)


def test_two_threads_on_one_network_do_as_one_does():
    """They meet in every tile, so that each has the other's statistics if they are shared."""
    net, dark = network(), images(16, 24, 16, 16)
    bright = [5 * image + 1 for image in images(16, 24, 16, 16)]
    run = TiledMASANet(net, 8).super_resolve
    expected = [run(*inputs)[0] for inputs in (dark, bright)]
    together = Barrier(2)

    def meet(*_):
        together.wait(60)

    net.adaptation.register_forward_pre_hook(meet)
    with ThreadPoolExecutor(2) as threads:
        have = [threads.submit(run, *inputs) for inputs in (dark, bright)]
    for result, alone in zip(have, expected):
        assert torch.equal(result.result()[0], alone)


class Wide(nn.Module):
    """An adaptation of somebody's own that looks 8 pixels far, and knows nothing of tiles."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blur = nn.Conv2d(channels, channels, 17, padding=8, groups=channels)

    def forward(self, lr, ref):
        return self.blur(ref) + lr


class Halving(Wide):
    """One with other sizes inside, whose values decide, and weights that begin at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        nn.init.zeros_(self.blur.weight)

    def forward(self, lr, ref):
        return upsample(F.max_pool2d(super().forward(lr, ref), 2)).where(lr > 0, ref)


class Attention(Wide):
    def forward(self, lr, ref):
        return ref * lr.mean((2, 3), keepdim=True)


class OwnExtraction(MatchExtractionModule):
    """A changed Stage 3."""

    def extract(self, ref, matches):
        return 1 - super().extract(ref, matches)


@pytest.fixture
def _own_parts():
    kinds = (Wide, Halving, Attention, OwnExtraction)
    for kind in kinds:
        MODELS.register_module(module=kind)
    yield
    for kind in kinds:
        MODELS.module_dict.pop(kind.__name__)


@pytest.mark.usefixtures('_own_parts')
@pytest.mark.parametrize('kind', ['Wide', 'Halving'])
def test_tiles_with_an_adaptation_of_one_s_own_give_the_whole(kind):
    """Plugged in by config; nothing is declared."""
    net = network(adaptation=dict(type=kind), matching=dict(block_size=4))
    inputs = images(36, 28, 24, 24)
    with torch.no_grad():
        whole = net(*inputs)
    assert_same(TiledMASANet(net, 8).super_resolve(*inputs)[0], whole)


@pytest.mark.parametrize('place', ['adaptation', 'encoder'])
def test_a_part_that_sees_the_whole_image_runs_whole_and_refuses_tiles(place, monkeypatch):
    monkeypatch.setattr(memory, 'FASTER_WHOLE', 0)
    net, inputs = network(), images(24, 16, 16, 24)
    if place == 'adaptation':
        net.adaptation, name = Attention(4), 'Attention'
    else:
        encode, name = net.encoder, 'Encoder'

        class Encoder(nn.Module):
            def forward(self, image, num_levels=None):
                return [level + level.mean() for level in encode(image, num_levels)]

        net.encoder = Encoder()
    with torch.no_grad():
        expected = net(*inputs)
    for tile in (None, 'auto'):
        assert_same(super_resolve(net, *inputs, InferenceOptions(tile=tile))[0], expected)
    with pytest.raises(UserError, match=f'{name} depends on the whole') as caught:
        super_resolve(net, *inputs, InferenceOptions(tile=8))
    assert 'tile=None' in str(caught.value)


@pytest.mark.usefixtures('_own_parts')
def test_a_changed_stage_3_is_run_as_it_is():
    net, inputs = network(matching=dict(type='OwnExtraction')), images(16, 24, 40, 40)
    with torch.no_grad():
        expected = net(*inputs)
    assert torch.equal(super_resolve(net, *inputs, InferenceOptions(tile='auto'))[0], expected)
    with pytest.raises(UserError, match='tile=8: OwnExtraction has no tiles'):
        super_resolve(net, *inputs, InferenceOptions(tile=8))


@pytest.mark.parametrize(('ensemble', 'runs'), [(False, 1), (True, 8)])
def test_large_images_are_announced_before_anything_is_run(monkeypatch, ensemble, runs):
    for name in ('WORTH_A_PROBE', 'measured_speed'):
        value = 1 if name == 'WORTH_A_PROBE' else lambda *_: 1e9
        monkeypatch.setattr(f'masasr_mm.models.inference.estimate.{name}', value)
    announced = []

    def announce(what):
        announced.append(what)
        raise KeyboardInterrupt

    options = InferenceOptions(tile=16, announce=announce, ensemble=ensemble)
    net = network()
    monkeypatch.setattr(net, 'match', lambda *_: pytest.fail('it has started'))
    with pytest.raises(KeyboardInterrupt):
        super_resolve(net, *images(24, 24, 24, 24), options)
    [what] = announced
    assert isinstance(what, Estimate)
    assert (what.tile, what.runs) == (16, runs)


class Recorder(nn.Module):
    """Enlarges, adds a ramp that tells left from right, and keeps what it was given."""

    scale, size_divisor, min_ref_down, supports_tiles = 4, 8, 3, False

    def __init__(self):
        super().__init__()
        self.seen = []

    def super_resolve(self, lq, ref, ref_down):
        self.seen.append((lq, ref, ref_down))
        enlarged = F.interpolate(lq, scale_factor=4)
        return enlarged + torch.arange(enlarged.shape[3]) / 100, None


def test_an_ensemble_sees_all_flips_and_turns_and_averages_them():
    lq, ref, ref_down = (torch.rand(2, 3, h, w) for h, w in ((8, 16), (24, 32), (6, 8)))
    recorder = Recorder()
    result, _ = super_resolve(recorder, lq, ref, ref_down, InferenceOptions(ensemble=True))
    # Seen from all eight sides, the ramp is as high on the left as on the right.
    columns, rows = torch.arange(64.0), torch.arange(32.0)[:, None]
    ramp = (columns + columns.flip(0)) / 2 + (rows + rows.flip(0)) / 2
    torch.testing.assert_close(result, F.interpolate(lq, scale_factor=4) + ramp / 200)

    square, recorder = torch.rand(1, 3, 8, 8), Recorder()
    enlarged = F.interpolate(square, scale_factor=4)
    super_resolve(recorder, square, enlarged, square, InferenceOptions(ensemble=True))
    assert len({tuple(lq.flatten().tolist()) for lq, *_ in recorder.seen}) == 8
    for lq, ref, ref_down in recorder.seen:
        assert torch.equal(lq, ref_down)
        assert torch.equal(F.interpolate(lq, scale_factor=4), ref)


def test_an_unknown_option_is_told():
    with pytest.raises(UserError, match="test_cfg has no option 'tiles'; it has tile, ref_dtype"):
        InferenceOptions.of(dict(tiles=8))


@pytest.mark.parametrize('mirrored', [False, True])
@pytest.mark.parametrize('turns', range(4))
def test_places_turn_as_the_images_do(mirrored, turns):
    """At each of them lies what lay there before, by a Ref↓ of coordinates."""
    coordinates = torch.stack(torch.meshgrid(torch.arange(9.0), torch.arange(13.0), indexing='ij'))
    places = torch.stack([torch.randint(0, n, (1, 2, 3, 4)) for n in (9, 13)], dim=2).float()

    def turned(image):
        return (image.flip(-1) if mirrored else image).rot90(turns, dims=(-2, -1))

    y, x = _turned_places(places, (9, 13), mirrored, turns).long().unbind(2)
    have = turned(coordinates)[:, y, x]
    assert torch.equal(have.movedim(0, 2), turned(places))


def test_matching_starts_where_places_say():
    """Whatever the padding: of two halves of Ref↓ the one that is named, though a bit worse."""
    torch.manual_seed(0)
    half = torch.rand(1, 3, 100, 100)
    ref = torch.cat((half, half.lerp(torch.rand_like(half), 0.05)), dim=2)
    lq = ref_down = F.avg_pool2d(ref, 4)
    for offset, places in ((0, None), (25, lambda points: (points + np.array((25, 0)))[None])):
        options = InferenceOptions(places=places)
        _, [maps] = super_resolve(network(), lq[:, :, :25], ref, ref_down, options)
        rows = maps.position[..., 0] - np.arange(25)[:, None]
        assert (rows[4:20, 4:20] == offset).mean() > 0.9
